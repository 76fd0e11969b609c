/** The session of the panel's kernel: of no document, found again by its path, not ended with the page. */
import { SessionContext } from '@jupyterlab/apputils';
import type { ServiceManager } from '@jupyterlab/services';
import { PANEL_ID } from './tokens';

export function hiddenSession(services: ServiceManager.IManager): SessionContext {
  return new SessionContext({
    kernelManager: services.kernels,
    sessionManager: services.sessions,
    specsManager: services.kernelspecs,
    path: PANEL_ID,
    name: 'AWS GPU panel',
    type: 'awsgpu',
    kernelPreference: { shouldStart: true, canStart: true, shutdownOnDispose: false }
  });
}
