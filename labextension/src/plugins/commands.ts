/** Every verb of the grammar in the command palette; Python carries it out in the panel. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { DOMAIN, IPanelKernel, OPEN_COMMAND } from '../tokens';
import { verbs } from '../verbs';

export const commands: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-awsgpu:commands',
  description: 'Adds a command for every verb of awsgpu.',
  autoStart: true,
  requires: [IPanelKernel],
  optional: [ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    panelKernel: IPanelKernel,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const category = trans.__('AWS GPU');
    palette?.addItem({ command: OPEN_COMMAND, category });
    for (const { verb, label } of verbs(trans)) {
      const command = `awsgpu:${verb}`;
      app.commands.addCommand(command, {
        label,
        execute: async () => {
          await app.commands.execute(OPEN_COMMAND);
          await panelKernel.send({ verb });
        }
      });
      palette?.addItem({ command, category });
    }
  }
};
