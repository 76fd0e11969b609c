/** A card in the launcher, where there is one. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILauncher } from '@jupyterlab/launcher';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { DOMAIN, OPEN_COMMAND } from '../tokens';

export const launcher: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-awsgpu:launcher',
  description: 'Adds a card to the launcher.',
  autoStart: true,
  optional: [ILauncher, ITranslator],
  activate: (_app: JupyterFrontEnd, cards: ILauncher | null, translator: ITranslator | null): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    cards?.add({ command: OPEN_COMMAND, category: trans.__('Other'), rank: 10 });
  }
};
