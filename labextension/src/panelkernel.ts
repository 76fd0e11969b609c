/** The hidden kernel: started once, found again by every tab, its comm opened after each (re)start. */
import type { SessionContext } from '@jupyterlab/apputils';
import type { Kernel, KernelMessage, ServiceManager } from '@jupyterlab/services';
import { Signal } from '@lumino/signaling';
import { hiddenSession } from './hiddensession';
import { COMM_TARGET, readMessage } from './protocol';
import type { Incoming, Outgoing } from './protocol';
import type { IPanelKernel, KernelCondition } from './tokens';

/** Imports the Python half and lets it listen; a missing package shows as the error it is. */
const LISTEN = 'import jupyter_awsgpu.surfaces.panel.channel as _awsgpu; _awsgpu.listen()';

export class PanelKernel implements IPanelKernel {
  constructor(
    private readonly services: ServiceManager.IManager,
    private readonly kernelName: () => string,
    private readonly language: () => string
  ) {
    this.context = hiddenSession(services);
    this.context.statusChanged.connect((_, status) => this.onStatus(status));
    this.context.sessionChanged.connect((_, change) => {
      if (change.newValue === null && !this.restarting) {
        this.onStatus('dead'); // the server's list of sessions was asked before that of kernels, which would say it
      }
    });
    this.context.connectionStatusChanged.connect((_, status) => {
      if (status === 'connected') {
        void this.listen();
      }
    });
  }

  get condition(): KernelCondition {
    return this.now;
  }

  get connection(): Kernel.IKernelConnection | null {
    return this.context.session?.kernel ?? null;
  }

  get conditionChanged(): Signal<IPanelKernel, KernelCondition> {
    return this.changed;
  }

  get received(): Signal<IPanelKernel, Incoming> {
    return this.messages;
  }

  async start(): Promise<void> {
    this.started ??= this.begin();
    await this.started;
  }

  async restart(): Promise<void> {
    this.set('starting');
    this.listeningTo = null;
    this.restarting = true;
    try {
      await this.services.sessions.refreshRunning(); // the server may have ended the session with its kernel
      const alive = (this.connection?.status ?? 'dead') !== 'dead' && !this.context.isTerminating;
      await (alive ? this.context.restartKernel() : this.context.startKernel());
      await this.listen();
    } catch (reason) {
      console.warn('The kernel of the AWS GPU panel did not start.', reason);
      this.set('dead');
    } finally {
      this.restarting = false;
    }
  }

  async send(message: Outgoing): Promise<void> {
    await this.start();
    await this.listening;
    this.comm?.send(message);
  }

  private async begin(): Promise<void> {
    this.set('starting');
    await this.services.kernelspecs.ready;
    const name = this.kernelName() || this.services.kernelspecs.specs?.default;
    this.context.kernelPreference = { ...this.context.kernelPreference, ...(name ? { name } : {}) };
    await this.context.initialize();
    await this.context.ready;
    await this.listen();
  }

  /** Open the comm to the kernel there is; one at a time, and again for every new kernel. */
  private async listen(): Promise<void> {
    const kernel = this.connection;
    if (kernel === null || kernel === this.listeningTo) {
      return this.listening;
    }
    this.listeningTo = kernel;
    this.listening = this.openComm(kernel);
    await this.listening;
  }

  private async openComm(kernel: Kernel.IKernelConnection): Promise<void> {
    // in subshells a press of one of two pages could get lost; nothing of the panel's blocks its kernel
    (kernel as { commsOverSubshells?: string }).commsOverSubshells = 'disabled';
    const reply = await kernel.requestExecute({ code: LISTEN, silent: true }).done.catch(() => null);
    if (reply === null) {
      this.listeningTo = null; // it died before it answered; the next one is listened to anew
      return;
    }
    if (reply.content.status !== 'ok') {
      this.set('ready'); // the kernel lives; the view shows what Python lacks
      return;
    }
    this.comm = kernel.createComm(COMM_TARGET);
    this.comm.onMsg = message => this.onMessage(message);
    this.comm.open({ language: this.language() });
    this.set('ready');
  }

  private onMessage(message: KernelMessage.ICommMsgMsg): void {
    const read = readMessage(message.content.data);
    if (read !== null) {
      this.messages.emit(read);
    }
  }

  private onStatus(status: Kernel.Status): void {
    if (status === 'starting' || status === 'restarting' || status === 'autorestarting') {
      this.listeningTo = null; // whatever lived in the kernel is gone with it
      this.set('starting');
      void this.listen();
    } else if (status === 'dead' || status === 'terminating') {
      this.listeningTo = null;
      this.set('dead');
    }
  }

  private set(condition: KernelCondition): void {
    if (condition !== this.now) {
      this.now = condition;
      this.changed.emit(condition);
    }
  }

  private readonly context: SessionContext;
  private readonly changed = new Signal<IPanelKernel, KernelCondition>(this);
  private readonly messages = new Signal<IPanelKernel, Incoming>(this);
  private now: KernelCondition = 'off';
  private restarting = false;
  private comm: Kernel.IComm | null = null;
  private started: Promise<void> | null = null;
  private listening: Promise<void> = Promise.resolve();
  private listeningTo: Kernel.IKernelConnection | null = null;
}
