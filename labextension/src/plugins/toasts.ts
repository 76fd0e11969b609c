/** Toasts for what should be noticed with the sidebar closed; their buttons answer to Python. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { IToast } from '../protocol';
import { IPanelKernel, SETTINGS_ID } from '../tokens';

/** Milliseconds a toast without a button stays. */
const READ_MS = 8000;

export const toasts: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-awsgpu:toasts',
  description: 'Tells when an instance is about to stop itself, is interrupted, or a tunnel is lost.',
  autoStart: true,
  requires: [IPanelKernel],
  optional: [ISettingRegistry],
  activate: (_app: JupyterFrontEnd, panelKernel: IPanelKernel, registry: ISettingRegistry | null): void => {
    let wanted = true;
    void registry?.load(SETTINGS_ID).then(settings => {
      const read = (): void => {
        wanted = settings.get('toasts').composite !== false;
      };
      settings.changed.connect(read);
      read();
    });
    panelKernel.received.connect((_, message) => {
      if (message.kind === 'toast' && wanted) {
        tell(message.toast, panelKernel);
      }
    });
  }
};

function tell(toast: IToast, panelKernel: IPanelKernel): void {
  const actions = toast.actions.map(({ label, send }) => ({ label, callback: () => void panelKernel.send(send) }));
  const autoClose = actions.length > 0 ? (false as const) : READ_MS;
  Notification.emit(toast.message, toast.level, { autoClose, actions });
}
