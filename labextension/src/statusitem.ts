/** The status-bar item itself: a button, so that a keyboard reaches it. */
import { Widget } from '@lumino/widgets';
import type { ISummary } from './protocol';

export class StatusItem extends Widget {
  constructor(name: string, press: () => void) {
    super();
    this.addClass('awsgpu-StatusItem');
    this.button = document.createElement('button');
    this.button.type = 'button';
    this.button.addEventListener('click', press);
    this.node.append(this.button);
    this.tell({ text: name, title: name, level: 'idle' });
  }

  /** Show a summary; a level that worries is told by the text too, never by colour alone. */
  tell(summary: ISummary): void {
    this.button.textContent = summary.text;
    this.button.title = summary.title;
    this.button.setAttribute('aria-label', `${summary.text}. ${summary.title}`);
    this.node.dataset.level = summary.level;
  }

  private readonly button: HTMLButtonElement;
}
