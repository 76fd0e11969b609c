/** Puts messages that a page missed, or whose cell another page ran, into the notebook's cells. */
import type { CodeCell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { JSONObject } from '@lumino/coreutils';

/** Where an output stands that may be updated by its name. */
interface IPlace {
  cell: CodeCell;
  at: number;
}

/** The cells of one notebook, as far as other pages ran them. */
export class RecalledCells {
  /** Cells by the message that asked to run them, while they run. */
  private readonly running = new Map<string, CodeCell>();
  private readonly places = new Map<string, IPlace[]>();

  constructor(private readonly panel: NotebookPanel) {}

  /** Whether a run is followed here. */
  follows(run: string): boolean {
    return this.running.has(run);
  }

  /** Begin a run in its cell, empty; tell whether there is such a cell. */
  begin(run: string, id: string): boolean {
    const found = this.panel.content.widgets.find(one => one.model.id === id);
    if (found?.model.type !== 'code') {
      return false;
    }
    const cell = found as CodeCell;
    this.running.set(run, cell);
    this.clear(cell, false);
    cell.model.executionState = 'running';
    return true;
  }

  /** Put one message into its cell, as the cell's own execution would have done; tell whether the run is over. */
  show(run: string, kind: string, content: JSONObject): boolean {
    const cell = this.running.get(run);
    if (cell === undefined) {
      return false;
    }
    switch (kind) {
      case 'execute_input':
        cell.model.executionCount = Number(content.execution_count);
        cell.model.executionState = 'running';
        break;
      case 'clear_output':
        this.clear(cell, content.wait === true);
        break;
      case 'stream':
      case 'display_data':
      case 'execute_result':
      case 'error':
        this.add(cell, kind, content);
        break;
      case 'update_display_data':
        this.update(content);
        break;
      case 'status':
        return content.execution_state === 'idle' && this.end(run, cell);
    }
    return false;
  }

  private end(run: string, cell: CodeCell): boolean {
    cell.model.executionState = 'idle';
    return this.running.delete(run);
  }

  private clear(cell: CodeCell, wait: boolean): void {
    cell.model.outputs.clear(wait);
    this.places.forEach((places, name) => this.places.set(name, places.filter(place => place.cell !== cell)));
  }

  private add(cell: CodeCell, kind: string, content: JSONObject): void {
    const { output, name } = split(content);
    const length = cell.model.outputs.add({ ...output, output_type: kind });
    if (name !== '') {
      this.places.set(name, [...(this.places.get(name) ?? []), { cell, at: length - 1 }]);
    }
  }

  private update(content: JSONObject): void {
    const { output, name } = split(content);
    for (const { cell, at } of this.places.get(name) ?? []) {
      cell.model.outputs.set(at, { ...output, output_type: 'display_data' });
    }
  }
}

/** What is kept of a message's content, and the name of its display. */
function split(content: JSONObject): { output: JSONObject; name: string } {
  const { transient, ...output } = content;
  const name = (transient as JSONObject | undefined)?.display_id;
  return { output, name: typeof name === 'string' ? name : '' };
}
