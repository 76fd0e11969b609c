/** One message that a page missed, as `remote/kernel_doors.py` tells it. */
import type { JSONObject } from '@lumino/coreutils';

/** The question's name; Python's `kernel_doors.RECALL` is the same. */
export const RECALL = 'awsgpu_recall';

/** How the names of kernels begin that know the answer. */
export const RECALLING_KERNELS = 'awsgpu-';

export interface IRecalled {
  cell: string;
  header: { msg_id: string; msg_type: string };
  parent: { msg_id: string };
  content: JSONObject;
}

/** Whether this is such a message. */
export function isRecalled(one: unknown): one is IRecalled {
  const message = one as Partial<IRecalled> | null;
  return (
    typeof message?.cell === 'string' &&
    typeof message.header?.msg_type === 'string' &&
    typeof message.header.msg_id === 'string' &&
    typeof message.parent?.msg_id === 'string' &&
    typeof message.content === 'object'
  );
}
