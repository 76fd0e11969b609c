/** The verbs that the palette and the menu offer: names of the shared grammar, labels to translate. */
import type { TranslationBundle } from '@jupyterlab/translation';

export interface IVerb {
  verb: string;
  label: string;
  /** What the verb must be told, as a hint in the dialog that asks for it. */
  words?: string;
}

/** Return every verb with its label; Python decides what it needs and what it may do. */
export function verbs(trans: TranslationBundle): IVerb[] {
  return [
    { verb: 'launch', label: trans.__('Launch a GPU…') },
    { verb: 'plan', label: trans.__('Plan a Launch') },
    { verb: 'status', label: trans.__('Show Instances') },
    { verb: 'connect', label: trans.__('Connect') },
    { verb: 'disconnect', label: trans.__('Disconnect') },
    { verb: 'open', label: trans.__('Open Remote Jupyter') },
    { verb: 'kernel', label: trans.__('Use the Open Notebook There') },
    { verb: 'keep', label: trans.__('Keep Running for an Hour') },
    { verb: 'stop', label: trans.__('Stop') },
    { verb: 'start', label: trans.__('Start') },
    { verb: 'image', label: trans.__('Make an Image') },
    { verb: 'resize', label: trans.__('Change Type or Disk…'), words: 'gpu --type g5.xlarge --disk 80' },
    { verb: 'push', label: trans.__('Send Files There…'), words: 'data' },
    { verb: 'pull', label: trans.__('Bring Files Here…'), words: 'results' },
    { verb: 'run', label: trans.__('Run a Script There…'), words: 'train.py --epochs 3' },
    { verb: 'runs', label: trans.__('Show Runs') },
    { verb: 'adopt', label: trans.__('Take In an Instance…'), words: 'i-0123456789abcdef0 --key key.pem' },
    { verb: 'provision', label: trans.__('Set Up Again') },
    { verb: 'terminate', label: trans.__('Terminate…') },
    { verb: 'gpu', label: trans.__('Show GPU Use') },
    { verb: 'logs', label: trans.__('Show the Log') },
    { verb: 'ssh', label: trans.__('Show the SSH Command') },
    { verb: 'types', label: trans.__('List GPU Types and Prices') },
    { verb: 'regions', label: trans.__('List Regions') },
    { verb: 'quota', label: trans.__('Show Limits') },
    { verb: 'images', label: trans.__('List Images') },
    { verb: 'cost', label: trans.__('Show Cost') },
    { verb: 'cleanup', label: trans.__('Look for Leftovers') },
    { verb: 'doctor', label: trans.__('Check This Machine') }
  ];
}
