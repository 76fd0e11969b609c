/** "Use this notebook here": moves a notebook to the kernel on the instance, asked from the panel or by a magic. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { ISessionContext } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { readUseHere, USE_HERE_TARGET } from '../protocol';
import { DOMAIN, IPanelKernel } from '../tokens';

export const useHere: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-awsgpu:use-here',
  description: 'Moves a notebook to a kernel on the instance.',
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
    const move = async (context: ISessionContext | null, name: string): Promise<void> => {
      if (context === null) {
        Notification.warning(trans.__('Open a notebook first, then press the button again.'));
        return;
      }
      await whenIdle(context.session?.kernel ?? null);
      await app.serviceManager.kernelspecs.refreshSpecs();
      await context.changeKernel({ name });
    };
    // a magic in a notebook moves that notebook; the panel in the sidebar the one in front
    notebooks.widgetAdded.connect((_, panel) => {
      const context = panel.sessionContext;
      context.kernelChanged.connect((_, { newValue }) => waitAt(newValue, name => void move(context, name)));
    });
    panelKernel.conditionChanged.connect((_, condition) => {
      if (condition === 'ready') {
        waitAt(panelKernel.connection, name => void move(notebooks.currentWidget?.sessionContext ?? null, name));
      }
    });
  }
};

/** Let Python in this kernel ask; of several pages on one kernel only the one it names does it. */
function waitAt(kernel: Kernel.IKernelConnection | null, move: (name: string) => void): void {
  kernel?.registerCommTarget(USE_HERE_TARGET, (_, message) => {
    const asked = readUseHere(message.content.data);
    if (asked !== null && asked.page === kernel.clientId) {
      move(asked.kernel);
    }
  });
}

/** Wait until the cell that asked has ended: its output would be lost with its kernel. */
async function whenIdle(kernel: Kernel.IKernelConnection | null): Promise<void> {
  if (kernel === null || kernel.status !== 'busy') {
    return;
  }
  await new Promise<void>(resolve => {
    const look = (): void => {
      if (kernel.isDisposed || kernel.status !== 'busy') {
        kernel.statusChanged.disconnect(look);
        resolve();
      }
    };
    kernel.statusChanged.connect(look);
  });
}
