/** The sidebar's content: the panel's widget, or a sentence and a button where there can be none. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { Kernel } from '@jupyterlab/services';
import type { KernelWidgetManager } from '@jupyter-widgets/jupyterlab-manager';
import { Panel } from '@lumino/widgets';
import type { Message } from '@lumino/messaging';
import { ask } from './ask';
import { makeManager, makeView } from './manager';
import { Notice } from './notice';
import type { IPanelKernel } from './tokens';

const SHOW = 'from jupyter_awsgpu.surfaces.panel import shared as _awsgpu_shared; _awsgpu_shared';
const INSTALL = '%pip install --quiet jupyter-awsgpu';

export class PanelView extends Panel {
  constructor(
    private readonly panelKernel: IPanelKernel,
    private readonly rendermime: IRenderMimeRegistry,
    private readonly trans: TranslationBundle,
    private readonly language: () => string
  ) {
    super();
    this.addClass('awsgpu-Sidebar');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('AWS GPU panel'));
    panelKernel.conditionChanged.connect(() => this.update());
  }

  /** Called when the sidebar is first opened: only then is there a widget to build. */
  protected onBeforeShow(message: Message): void {
    super.onBeforeShow(message);
    this.opened = true;
    void this.panelKernel.start().catch((reason: unknown) => this.say(String(reason), this.restartButton()));
    this.update();
  }

  protected onUpdateRequest(message: Message): void {
    super.onUpdateRequest(message);
    const { condition, connection } = this.panelKernel;
    if (!this.opened) {
      return;
    }
    if (condition === 'dead') {
      this.shownFrom = null;
      this.say(this.trans.__('The panel’s kernel has ended. What it started goes on.'), this.restartButton());
    } else if (condition === 'ready' && connection !== null) {
      if (connection !== this.shownFrom) {
        this.shownFrom = connection;
        this.rendering = this.rendering.then(() => this.render(connection));
      }
    } else {
      this.shownFrom = null;
      this.say(this.trans.__('Starting…'), null);
    }
  }

  /** Show the panel that lives in this kernel; renders are queued, so that two never race. */
  private async render(kernel: Kernel.IKernelConnection): Promise<void> {
    try {
      this.manager?.dispose();
      this.manager = await makeManager(kernel, this.rendermime); // before there are widgets to hear of
      const answer = await ask(kernel, `${SHOW}(${JSON.stringify(this.language())})`);
      if (this.shownFrom !== kernel) {
        return; // it ended meanwhile, and the view says so
      }
      if (answer.error !== null) {
        this.refuse(answer.error);
        return;
      }
      const widget = await makeView(this.manager, answer.modelId ?? '');
      if (this.shownFrom !== kernel) {
        return;
      }
      this.empty();
      this.addWidget(widget);
    } catch (reason) {
      if (this.shownFrom === kernel) {
        this.shownFrom = null;
        this.say(String(reason), this.restartButton());
      }
    }
  }

  private refuse(error: { name: string; message: string }): void {
    this.shownFrom = null;
    if (error.name !== 'ModuleNotFoundError') {
      this.say(`${error.name}: ${error.message}`, this.restartButton());
      return;
    }
    const text = this.trans.__('The kernel’s Python lacks a package: %1', error.message);
    this.say(text, { label: this.trans.__('Install jupyter-awsgpu there'), press: () => void this.install() });
  }

  private async install(): Promise<void> {
    const kernel = this.panelKernel.connection;
    if (kernel !== null) {
      this.say(this.trans.__('Installing…'), null);
      await ask(kernel, INSTALL);
      await this.panelKernel.restart();
    }
  }

  private restartButton(): { label: string; press: () => void } {
    return { label: this.trans.__('Start it again'), press: () => void this.panelKernel.restart() };
  }

  private say(text: string, button: { label: string; press: () => void } | null): void {
    this.empty();
    this.addWidget(new Notice(text, button));
  }

  private empty(): void {
    for (const widget of [...this.widgets]) {
      widget.dispose();
    }
  }

  private opened = false;
  private shownFrom: Kernel.IKernelConnection | null = null;
  private manager: KernelWidgetManager | null = null;
  private rendering: Promise<void> = Promise.resolve();
}
