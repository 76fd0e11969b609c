import { Signal } from '@lumino/signaling';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';
import { RecallingPage } from '../../src/recallingpage';

export type Content = Record<string, unknown>;

/** A cell, as far as its output goes. */
class Cell {
  shown: Content[] = [];
  executionCount: number | null = null;
  executionState = 'idle';
  readonly type = 'code';
  readonly outputs = {
    clear: (): void => {
      this.shown = [];
    },
    add: (output: Content): number => this.shown.push(output),
    set: (at: number, output: Content): void => {
      this.shown[at] = output;
    }
  };
  constructor(readonly id: string) {}
}

/** A notebook with one cell on a kernel whose near end answers what the test says. */
export class Scene {
  readonly cell = new Cell('c1');
  readonly told: { type: string; content: Content }[] = [];
  answer: Content[] = [];
  readonly iopub = new Signal<object, object>(this);
  readonly status = new Signal<object, string>(this);
  readonly saveState = new Signal<object, string>(this);

  constructor() {
    const context = { ready: Promise.resolve(), saveState: this.saveState };
    const content = { widgets: [{ model: this.cell }] };
    const panel = { context, content, revealed: Promise.resolve() } as unknown as NotebookPanel;
    const kernel = {
      clientId: 'here',
      username: '',
      info: Promise.resolve({}),
      iopubMessage: this.iopub,
      connectionStatusChanged: this.status,
      sendControlMessage: (message: { header: { msg_type: string }; content: Content }) => this.ask(message)
    } as unknown as Kernel.IKernelConnection;
    new RecallingPage(panel, kernel);
  }

  private ask(message: { header: { msg_type: string }; content: Content }): object {
    this.told.push({ type: message.header.msg_type, content: message.content });
    const future = { onReply: jest.fn<undefined, [object]>(), dispose: jest.fn() };
    void Promise.resolve().then(() => future.onReply({ content: { messages: this.answer } }));
    return future;
  }

  hear(session: string, id: string, kind: string, content: Content, run = 'r1'): void {
    const parent_header = { msg_id: run, msg_type: 'execute_request', session };
    this.iopub.emit({ header: { msg_id: id, msg_type: kind }, parent_header, content });
  }

  save(): void {
    this.saveState.emit('started');
    this.saveState.emit('completed');
  }

  get text(): string {
    return this.cell.shown.map(one => String(one.text)).join('');
  }
}

/** A message as the near end tells it. */
export function missed(id: string, kind: string, content: Content, run = 'r1'): Content {
  return { cell: 'c1', header: { msg_id: id, msg_type: kind }, parent: { msg_id: run }, content };
}

export const line = (text: string): Content => ({ name: 'stdout', text });
export const IDLE = { execution_state: 'idle' };

/** Let what was promised happen. */
export async function soon(): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, 5));
}

