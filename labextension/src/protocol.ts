/**
 * What the panel's kernel and this extension say to each other, over a comm named `awsgpu`.
 *
 * Every figure and every sentence comes from Python; here is only their shape.
 */
import type { JSONObject, JSONValue } from '@lumino/coreutils';

/** The name under which Python listens. */
export const COMM_TARGET = 'awsgpu';

/** The name under which a page waits to be asked to move a notebook; Python's `usehere.py` knows the same. */
export const USE_HERE_TARGET = 'awsgpu-use-here';

/** One line for the status bar: text, a longer title, and how worried to look. */
export interface ISummary {
  text: string;
  title: string;
  level: 'idle' | 'running' | 'warning';
}

/** One button of a toast; `send` goes back to Python as it is. */
export interface IToastAction {
  label: string;
  send: JSONObject;
}

/** Something a person should notice even with the sidebar closed. */
export interface IToast {
  message: string;
  level: 'info' | 'success' | 'warning' | 'error';
  actions: IToastAction[];
}

/** A message from Python. */
export type Incoming =
  | { kind: 'summary'; summary: ISummary }
  | { kind: 'toast'; toast: IToast }
  | { kind: 'show' };

/** "Run the notebook on this kernel", meant for one page only. */
export interface IUseHere {
  kernel: string;
  page: string;
}

/** A message to Python: a verb of the shared grammar, or a toast's own answer. */
export type Outgoing = JSONObject;

function isObject(value: JSONValue | undefined): value is JSONObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function oneOf<T extends string>(value: JSONValue | undefined, known: readonly T[], otherwise: T): T {
  return known.find(one => one === value) ?? otherwise;
}

function text(value: JSONValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function readSummary(data: JSONObject): ISummary {
  return {
    text: text(data.text),
    title: text(data.title),
    level: oneOf(data.level, ['idle', 'running', 'warning'] as const, 'idle')
  };
}

function readToast(data: JSONObject): IToast {
  const actions = Array.isArray(data.actions) ? data.actions.filter(isObject) : [];
  return {
    message: text(data.message),
    level: oneOf(data.level, ['info', 'success', 'warning', 'error'] as const, 'info'),
    actions: actions.map(one => ({ label: text(one.label), send: isObject(one.send) ? one.send : {} }))
  };
}

/** Read a message of the kernel's, or `null` for one that this version does not know. */
export function readMessage(data: JSONValue | undefined): Incoming | null {
  if (!isObject(data)) {
    return null;
  }
  if (data.kind === 'summary' && isObject(data.summary)) {
    return { kind: 'summary', summary: readSummary(data.summary) };
  }
  if (data.kind === 'toast' && isObject(data.toast)) {
    return { kind: 'toast', toast: readToast(data.toast) };
  }
  return data.kind === 'show' ? { kind: 'show' } : null;
}

/** Read what opens a comm of `USE_HERE_TARGET`, or `null` where it is something else. */
export function readUseHere(data: JSONValue | undefined): IUseHere | null {
  if (isObject(data) && data.kind === 'use-here' && typeof data.kernel === 'string') {
    return { kernel: data.kernel, page: text(data.page) };
  }
  return null;
}
