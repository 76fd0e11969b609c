/** The extension: an array of small plugins. What they show is Python's to decide. */
import { commands } from './plugins/commands';
import { kernel } from './plugins/kernel';
import { launcher } from './plugins/launcher';
import { panel } from './plugins/panel';
import { recall } from './plugins/recall';
import { status } from './plugins/status';
import { toasts } from './plugins/toasts';
import { useHere } from './plugins/usehere';

export { IPanelKernel } from './tokens';

export default [kernel, panel, commands, launcher, status, toasts, useHere, recall];
