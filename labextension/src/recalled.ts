/** One message that a page missed, as `remote/kernel_recalls.py` tells it. */
import type { JSONObject } from '@lumino/coreutils';

/** The question's name; Python's `kernel_recalls.RECALL` is the same. */
export const RECALL = 'awsgpu_recall';

/** The name of word that a notebook is saved; Python's `kernel_recalls.SAVED` is the same. */
export const SAVED = 'awsgpu_saved';

/** How the names of kernels begin that know both. */
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
