/** A sentence, and the button that mends what it says. */
import { Widget } from '@lumino/widgets';

export class Notice extends Widget {
  constructor(text: string, button: { label: string; press: () => void } | null) {
    super();
    this.addClass('awsgpu-Notice');
    const sentence = document.createElement('p');
    sentence.setAttribute('role', 'status');
    sentence.textContent = text;
    this.node.append(sentence);
    if (button !== null) {
      const element = document.createElement('button');
      element.type = 'button';
      element.className = 'jp-mod-styled jp-mod-accept';
      element.textContent = button.label;
      element.addEventListener('click', () => button.press());
      this.node.append(element);
    }
  }
}
