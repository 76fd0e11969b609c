/** Run a line of Python in the panel's kernel and find out which widget it shows. */
import type { Kernel, KernelMessage } from '@jupyterlab/services';
import { WIDGET_MIME } from './manager';

/** What a run came to: a widget's id, or the error's name and sentence. */
export interface IAnswer {
  modelId: string | null;
  error: { name: string; message: string } | null;
}

export async function ask(kernel: Kernel.IKernelConnection, code: string): Promise<IAnswer> {
  const answer: IAnswer = { modelId: null, error: null };
  const future = kernel.requestExecute({ code, store_history: false, stop_on_error: false });
  future.onIOPub = message => {
    const data = displayed(message);
    const view = data?.[WIDGET_MIME];
    if (typeof view === 'object' && view !== null && 'model_id' in view) {
      answer.modelId = String(view.model_id);
    }
  };
  const reply = await future.done;
  if (reply.content.status === 'error') {
    answer.error = { name: reply.content.ename, message: reply.content.evalue };
  }
  return answer;
}

function displayed(message: KernelMessage.IIOPubMessage): Record<string, unknown> | null {
  const type = message.header.msg_type;
  if (type === 'display_data' || type === 'execute_result') {
    return (message as KernelMessage.IDisplayDataMsg).content.data;
  }
  return null;
}
