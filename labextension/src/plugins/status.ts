/** A status-bar item: what runs and what it costs an hour, in Python's words. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { StatusItem } from '../statusitem';
import { DOMAIN, IPanelKernel, OPEN_COMMAND } from '../tokens';

export const status: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-awsgpu:status',
  description: 'Shows running instances and their cost an hour in the status bar.',
  autoStart: true,
  requires: [IStatusBar, IPanelKernel],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    statusBar: IStatusBar,
    panelKernel: IPanelKernel,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const item = new StatusItem(trans.__('AWS GPU'), () => void app.commands.execute(OPEN_COMMAND));
    statusBar.registerStatusItem('jupyter-awsgpu:status', { item, align: 'left', rank: 20 });
    panelKernel.received.connect((_, message) => {
      if (message.kind === 'summary') {
        item.tell(message.summary);
      }
    });
    panelKernel.conditionChanged.connect((_, condition) => {
      if (condition === 'dead') {
        item.tell({ text: trans.__('AWS GPU'), title: trans.__('The panel’s kernel has ended.'), level: 'idle' });
      }
    });
  }
};
