import type { Kernel, KernelMessage } from '@jupyterlab/services';
import { ask } from '../../src/ask';

type Content = Record<string, unknown>;

/** A kernel that answers one execution with these iopub messages and this reply. */
function kernel(shown: { type: string; content: Content }[], reply: Content): Kernel.IKernelConnection {
  const future = {
    onIOPub: jest.fn<undefined, [KernelMessage.IIOPubMessage]>(),
    get done(): Promise<unknown> {
      for (const { type, content } of shown) {
        this.onIOPub({ header: { msg_type: type }, content } as unknown as KernelMessage.IIOPubMessage);
      }
      return Promise.resolve({ content: reply });
    }
  };
  return { requestExecute: () => future } as unknown as Kernel.IKernelConnection;
}

const VIEW = { 'application/vnd.jupyter.widget-view+json': { model_id: 'm1', version_major: 2 } };

describe('asking the kernel for its widget', () => {
  it('finds the widget that a result shows', async () => {
    const answer = await ask(kernel([{ type: 'execute_result', content: { data: VIEW } }], { status: 'ok' }), '');
    expect(answer).toEqual({ modelId: 'm1', error: null });
  });

  it('passes over what shows no widget', async () => {
    const shown = [
      { type: 'stream', content: { text: 'hi' } },
      { type: 'display_data', content: { data: { 'text/plain': 'x' } } }
    ];
    expect(await ask(kernel(shown, { status: 'ok' }), '')).toEqual({ modelId: null, error: null });
  });

  it('brings the name and sentence of an error', async () => {
    const reply = { status: 'error', ename: 'ModuleNotFoundError', evalue: 'No module named x' };
    const answer = await ask(kernel([], reply), '');
    expect(answer.error).toEqual({ name: 'ModuleNotFoundError', message: 'No module named x' });
  });
});
