/** A notebook's page and its kernel on an instance: what the page missed is filled in, what it saved is told. */
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel, KernelMessage } from '@jupyterlab/services';
import type { JSONObject } from '@lumino/coreutils';
import { tellNearEnd } from './neardoor';
import { isRecalled, RECALL, SAVED } from './recalled';
import { RecalledCells } from './recalledcells';

export class RecallingPage {
  private readonly cells: RecalledCells;
  /** Runs that this page shows to their end, of its own cells and of others', until they are saved. */
  private readonly ended = new Set<string>();
  /** Runs that were filled in to their end: never twice, whatever the person does with them. */
  private readonly filled = new Set<string>();
  private seen = new Set<string>();
  private early: KernelMessage.IIOPubMessage[] | null = null;
  private saving: string[] = [];
  private turn = 0;

  constructor(
    private readonly panel: NotebookPanel,
    private readonly kernel: Kernel.IKernelConnection
  ) {
    this.cells = new RecalledCells(panel);
    kernel.iopubMessage.connect(this.hear);
    kernel.connectionStatusChanged.connect(this.connected);
    panel.context.saveState.connect(this.saved);
    void this.fill();
  }

  /** Let go of the kernel: another one has taken its place. */
  dispose(): void {
    this.turn++;
    this.kernel.iopubMessage.disconnect(this.hear);
    this.kernel.connectionStatusChanged.disconnect(this.connected);
    this.panel.context.saveState.disconnect(this.saved);
  }

  /** Ask the kernel's near end for what other pages' cells said, and go on showing what they say. */
  private async fill(): Promise<void> {
    const turn = ++this.turn;
    this.early = [];
    await Promise.all([this.kernel.info, this.panel.context.ready, this.panel.revealed]);
    const { messages } = turn === this.turn ? await tellNearEnd(this.kernel, RECALL, {}) : { messages: [] };
    if (turn !== this.turn) {
      return; // asked again meanwhile
    }
    const found = Array.isArray(messages) ? (messages as unknown[]).filter(isRecalled) : [];
    this.seen = new Set(found.map(one => one.header.msg_id));
    const begun = new Set<string>();
    for (const { cell, header, parent, content } of found) {
      const run = parent.msg_id;
      if (!this.filled.has(run) && (begun.has(run) || this.cells.begin(run, cell))) {
        begun.add(run);
        this.show(run, header.msg_type, content);
      }
    }
    const early = this.early;
    this.early = null;
    early.forEach(one => this.hear(this.kernel, one));
  }

  private show(run: string, kind: string, content: JSONObject): void {
    if (this.cells.show(run, kind, content)) {
      this.ended.add(run);
      this.filled.add(run);
    }
  }

  private readonly hear = (_: Kernel.IKernelConnection, message: KernelMessage.IIOPubMessage): void => {
    const { header, content } = message;
    const parent = 'msg_id' in message.parent_header ? message.parent_header : null;
    if (parent === null) {
      return;
    }
    if (parent.session === this.kernel.clientId) {
      const end = header.msg_type === 'status' && (content as JSONObject).execution_state === 'idle';
      if (end && (parent.msg_type as string) === 'execute_request') {
        this.ended.add(parent.msg_id);
      }
    } else if (this.early !== null) {
      this.early.push(message);
    } else if (!this.seen.has(header.msg_id)) {
      this.show(parent.msg_id, header.msg_type, content as JSONObject);
    }
  };

  private readonly connected = (_: Kernel.IKernelConnection, status: Kernel.ConnectionStatus): void => {
    if (status === 'connected') {
      void this.fill(); // the question, or what followed its answer, may be lost
    }
  };

  /** Tell the near end what the notebook's file has: nobody need keep that for a page to come. */
  private readonly saved = (_: DocumentRegistry.Context, state: DocumentRegistry.SaveState): void => {
    if (state === 'started') {
      this.saving = [...this.ended];
    } else if (state === 'completed' && this.saving.length > 0) {
      this.saving.forEach(run => this.ended.delete(run));
      void tellNearEnd(this.kernel, SAVED, { ended: this.saving.splice(0) });
    }
  };
}
