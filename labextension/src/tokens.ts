/** The service that this extension's own plugins share. */
import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import type { Kernel } from '@jupyterlab/services';
import type { Incoming, Outgoing } from './protocol';

/** How the panel's kernel stands: `dead` until a person restarts it. */
export type KernelCondition = 'off' | 'starting' | 'ready' | 'dead';

/** A hidden kernel that runs the Python half, and the comm to it. */
export interface IPanelKernel {
  readonly condition: KernelCondition;
  readonly connection: Kernel.IKernelConnection | null;
  readonly conditionChanged: ISignal<IPanelKernel, KernelCondition>;
  readonly received: ISignal<IPanelKernel, Incoming>;
  /** Start the kernel, or find the one that another tab or an earlier page left running. */
  start(): Promise<void>;
  restart(): Promise<void>;
  /** Say something to Python, starting the kernel if need be. */
  send(message: Outgoing): Promise<void>;
}

export const IPanelKernel = new Token<IPanelKernel>(
  'jupyter-awsgpu:IPanelKernel',
  'The hidden kernel that runs the Python half of the AWS GPU panel.'
);

/** Where the settings of all plugins are. */
export const SETTINGS_ID = 'jupyter-awsgpu:kernel';

/** The translator's domain: the name of the catalogue. */
export const DOMAIN = 'jupyter_awsgpu';

/** Ids that plugins, menus and tests share. */
export const PANEL_ID = 'awsgpu-panel';
export const OPEN_COMMAND = 'awsgpu:panel';
