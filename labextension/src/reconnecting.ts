/** JupyterLab gives a connection up after seven tries at random moments, or at a server's goodbye. */
import type { Kernel } from '@jupyterlab/services';
import { RECALLING_KERNELS } from './recalled';

/** Have a kernel on an instance tried again whose server is back: it is in the server's list, its output is kept. */
export function reconnect(kernel: Kernel.IKernelConnection | null | undefined, running: Kernel.IModel[]): void {
  const givenUp = kernel?.connectionStatus === 'disconnected' && kernel.name.startsWith(RECALLING_KERNELS);
  if (givenUp && running.some(one => one.id === kernel.id)) {
    kernel.reconnect().catch(() => undefined); // that it is in vain shows in the page; the next list brings another try
  }
}
