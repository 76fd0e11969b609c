/** What a page says to the near end of a kernel on an instance, and not to the kernel. */
import { KernelMessage } from '@jupyterlab/services';
import type { Kernel } from '@jupyterlab/services';
import type { JSONObject } from '@lumino/coreutils';

/** Ask or tell on the control channel, which a busy kernel's near end answers, too; resolve with the answer's content. */
export async function tellNearEnd(
  kernel: Kernel.IKernelConnection,
  name: string,
  content: JSONObject
): Promise<JSONObject> {
  const request = KernelMessage.createMessage({
    msgType: `${name}_request` as 'debug_request',
    channel: 'control',
    session: kernel.clientId,
    username: kernel.username,
    content: content as unknown as KernelMessage.IDebugRequestMsg['content']
  });
  const future = kernel.sendControlMessage(request, true, false);
  return new Promise(resolve => {
    future.onReply = reply => {
      future.dispose();
      resolve(reply.content as unknown as JSONObject);
    };
  });
}
