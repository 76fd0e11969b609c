/** Provides the hidden kernel to the other plugins; starts it early if the settings say so. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator } from '@jupyterlab/translation';
import { languageOf } from '../language';
import { PanelKernel } from '../panelkernel';
import { IPanelKernel, SETTINGS_ID } from '../tokens';

/** Milliseconds after the page has settled until the kernel starts on its own. */
const SETTLED_MS = 1500;

export const kernel: JupyterFrontEndPlugin<IPanelKernel> = {
  id: SETTINGS_ID,
  description: 'Runs the Python half of the AWS GPU panel in a hidden kernel.',
  autoStart: true,
  provides: IPanelKernel,
  optional: [ISettingRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    registry: ISettingRegistry | null,
    translator: ITranslator | null
  ): IPanelKernel => {
    let kernelName = '';
    const panelKernel = new PanelKernel(app.serviceManager, () => kernelName, () => languageOf(translator));
    void registry?.load(SETTINGS_ID).then(async settings => {
      const name = settings.get('kernelName').composite;
      kernelName = typeof name === 'string' ? name : '';
      if (settings.get('watchFromStart').composite === true) {
        await app.restored;
        window.setTimeout(() => void panelKernel.start().catch(console.warn), SETTLED_MS);
      }
    });
    return panelKernel;
  }
};
