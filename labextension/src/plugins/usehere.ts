/** "Use this notebook here": moves the notebook in front to the kernel on the instance. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { DOMAIN, IPanelKernel } from '../tokens';

export const useHere: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-awsgpu:use-here',
  description: 'Moves the open notebook to a kernel on the instance.',
  autoStart: true,
  requires: [IPanelKernel, INotebookTracker],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    panelKernel: IPanelKernel,
    notebooks: INotebookTracker,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const move = async (name: string): Promise<void> => {
      const current = notebooks.currentWidget;
      if (current === null) {
        Notification.warning(trans.__('Open a notebook first, then press the button again.'));
        return;
      }
      await app.serviceManager.kernelspecs.refreshSpecs();
      await current.sessionContext.changeKernel({ name });
    };
    panelKernel.received.connect((_, message) => {
      if (message.kind === 'use-here') {
        void move(message.kernel);
      }
    });
  }
};
