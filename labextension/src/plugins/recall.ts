/** What a notebook's cells said on an instance while no page was there, put into them when it is opened again. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { RECALLING_KERNELS } from '../recalled';
import { RecallingPage } from '../recallingpage';
import { reconnect } from '../reconnecting';

export const recall: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-awsgpu:recall',
  description: 'Fills cells whose output nobody could hear, and brings back a connection that was given up.',
  autoStart: true,
  requires: [INotebookTracker],
  activate: (app: JupyterFrontEnd, notebooks: INotebookTracker): void => {
    notebooks.widgetAdded.connect((_, panel) => {
      follow(panel);
    });
    app.serviceManager.kernels.runningChanged.connect((_, running) => {
      notebooks.forEach(panel => {
        reconnect(panel.sessionContext.session?.kernel, running);
      });
    });
  }
};

/** Have a notebook recall from whichever kernel it has. */
function follow(panel: NotebookPanel): void {
  let page: RecallingPage | null = null;
  const take = (): void => {
    page?.dispose();
    const kernel = panel.sessionContext.session?.kernel;
    page = kernel?.name.startsWith(RECALLING_KERNELS) ? new RecallingPage(panel, kernel) : null;
  };
  panel.sessionContext.kernelChanged.connect(take);
  panel.disposed.connect(() => page?.dispose());
  take();
}
