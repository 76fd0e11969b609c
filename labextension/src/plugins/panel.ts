/** The panel in the left sidebar, and the command that brings it forward. */
import { ILayoutRestorer } from '@jupyterlab/application';
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { gpuIcon } from '../icon';
import { languageOf } from '../language';
import { DOMAIN, IPanelKernel, OPEN_COMMAND, PANEL_ID } from '../tokens';
import { PanelView } from '../view';

const SIDEBAR_RANK = 600;

export const panel: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-awsgpu:panel',
  description: 'Shows the AWS GPU panel in the left sidebar.',
  autoStart: true,
  requires: [IPanelKernel, IRenderMimeRegistry],
  optional: [ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    panelKernel: IPanelKernel,
    rendermime: IRenderMimeRegistry,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const view = new PanelView(panelKernel, rendermime, trans, () => languageOf(translator));
    view.id = PANEL_ID;
    view.title.icon = gpuIcon;
    view.title.caption = trans.__('AWS GPU');
    app.shell.add(view, 'left', { rank: SIDEBAR_RANK, type: 'AWS GPU' });
    restorer?.add(view, PANEL_ID);
    app.commands.addCommand(OPEN_COMMAND, {
      label: trans.__('AWS GPU'),
      caption: trans.__('Launch and watch GPU instances on AWS'),
      icon: gpuIcon,
      execute: () => app.shell.activateById(PANEL_ID)
    });
    panelKernel.received.connect((_, message) => {
      if (message.kind === 'show') {
        app.shell.activateById(PANEL_ID);
      }
    });
  }
};
