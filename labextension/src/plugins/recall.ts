/** What a notebook's cells said on an instance while no page was there, put into them when it is opened again. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { CodeCell } from '@jupyterlab/cells';
import { INotebookTracker } from '@jupyterlab/notebook';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { KernelMessage } from '@jupyterlab/services';
import type { Kernel } from '@jupyterlab/services';
import type { JSONObject } from '@lumino/coreutils';
import { isRecalled, RECALL, RECALLING_KERNELS } from '../recalled';
import type { IRecalled } from '../recalled';

export const recall: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-awsgpu:recall',
  description: 'Fills cells whose output nobody could hear.',
  autoStart: true,
  requires: [INotebookTracker],
  activate: (_: JupyterFrontEnd, notebooks: INotebookTracker): void => {
    notebooks.widgetAdded.connect((_, panel) => {
      panel.sessionContext.kernelChanged.connect((_, { newValue }) => {
        if (newValue?.name.startsWith(RECALLING_KERNELS)) {
          void fill(panel, newValue);
        }
      });
    });
  }
};

/** Ask the kernel's near end for what other pages' cells said, and go on showing what they say. */
async function fill(panel: NotebookPanel, kernel: Kernel.IKernelConnection): Promise<void> {
  const running = new Map<string, CodeCell>();
  const early: KernelMessage.IIOPubMessage[] = [];
  let answered = false;
  const hear = (_: Kernel.IKernelConnection, message: KernelMessage.IIOPubMessage): void => {
    const parent = 'msg_id' in message.parent_header ? message.parent_header : null;
    if (parent === null || parent.session === kernel.clientId) {
      return;
    }
    const cell = running.get(parent.msg_id);
    if (cell !== undefined) {
      show(cell, message.header.msg_type, message.content as IRecalled['content'], () => running.delete(parent.msg_id));
    } else if (!answered) {
      early.push(message);
    }
  };
  kernel.iopubMessage.connect(hear);
  await Promise.all([kernel.info, panel.context.ready, panel.revealed]);
  const messages = await ask(kernel);
  const known = new Set(messages.map(one => one.header.msg_id));
  for (const one of messages) {
    const cell = running.get(one.parent.msg_id) ?? find(panel, one.cell);
    if (cell !== null) {
      if (!running.has(one.parent.msg_id)) {
        running.set(one.parent.msg_id, cell);
        cell.model.outputs.clear();
        cell.model.executionState = 'running';
      }
      show(cell, one.header.msg_type, one.content, () => running.delete(one.parent.msg_id));
    }
  }
  answered = true;
  early.filter(one => !known.has(one.header.msg_id)).forEach(one => hear(kernel, one));
}

/** Ask once; nothing where the kernel's near end does not know the question. */
async function ask(kernel: Kernel.IKernelConnection): Promise<IRecalled[]> {
  const request = KernelMessage.createMessage({
    msgType: `${RECALL}_request` as 'debug_request',
    channel: 'control',
    session: kernel.clientId,
    username: kernel.username,
    content: {} as KernelMessage.IDebugRequestMsg['content']
  });
  const future = kernel.sendControlMessage(request, true, false);
  return new Promise(resolve => {
    future.onReply = reply => {
      const content: { messages?: unknown } = reply.content as object;
      future.dispose();
      resolve(Array.isArray(content.messages) ? content.messages.filter(isRecalled) : []);
    };
  });
}

function find(panel: NotebookPanel, id: string): CodeCell | null {
  const found = panel.content.widgets.find(one => one.model.id === id);
  return found?.model.type === 'code' ? (found as CodeCell) : null;
}

/** Put one message into its cell, as the cell's own execution would have done. */
function show(cell: CodeCell, kind: string, content: IRecalled['content'], ended: () => unknown): void {
  const outputs = cell.model.outputs;
  switch (kind) {
    case 'execute_input':
      cell.model.executionCount = Number(content.execution_count);
      cell.model.executionState = 'running';
      break;
    case 'clear_output':
      outputs.clear(content.wait === true);
      break;
    case 'stream':
    case 'display_data':
    case 'execute_result':
    case 'error': {
      const output = { ...content, output_type: kind };
      delete (output as JSONObject).transient;
      outputs.add(output);
      break;
    }
    case 'status':
      if (content.execution_state === 'idle') {
        cell.model.executionState = 'idle';
        ended();
      }
      break;
  }
}
