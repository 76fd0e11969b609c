/** Every verb of the grammar in the command palette; Python carries it out in the panel. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, InputDialog } from '@jupyterlab/apputils';
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
    for (const { verb, label, words } of verbs(trans)) {
      const command = `awsgpu:${verb}`;
      app.commands.addCommand(command, {
        label,
        execute: async () => {
          const line = words === undefined ? null : await told(verb, label, words);
          if (line === '') {
            return;
          }
          await app.commands.execute(OPEN_COMMAND);
          await panelKernel.send(line === null ? { verb } : { line });
        }
      });
      palette?.addItem({ command, category });
    }
  }
};

/** Ask for what follows the verb; the empty string if nothing was said. */
async function told(verb: string, title: string, placeholder: string): Promise<string> {
  const answer = await InputDialog.getText({ title, label: `awsgpu ${verb}`, placeholder });
  const words = answer.button.accept ? (answer.value ?? '').trim() : '';
  return words === '' ? '' : `${verb} ${words}`;
}
