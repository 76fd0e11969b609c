/** A status-bar item, where there is such a bar: what runs and what it costs an hour, in Python's words. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { StatusItem } from '../statusitem';
import { DOMAIN, IPanelKernel, OPEN_COMMAND } from '../tokens';

export const status: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-awsgpu:status',
  description: 'Shows running instances and their cost an hour in the status bar.',
  autoStart: true,
  requires: [IPanelKernel],
  optional: [IStatusBar, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    panelKernel: IPanelKernel,
    statusBar: IStatusBar | null,
    translator: ITranslator | null
  ): void => {
    if (statusBar === null) {
      return;
    }
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
