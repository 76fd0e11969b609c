import type { Kernel } from '@jupyterlab/services';
import { RECALLING_KERNELS } from '../../src/recalled';
import { reconnect } from '../../src/reconnecting';

const RUNNING = [{ id: 'k1', name: 'any' }];

function tries(connectionStatus: string, { id = 'k1', name = RECALLING_KERNELS + 'x', running = RUNNING } = {}): number {
  let tried = 0;
  const again = (): Promise<void> => {
    tried++;
    return Promise.reject(new Error('in vain'));
  };
  reconnect({ id, name, connectionStatus, reconnect: again } as unknown as Kernel.IKernelConnection, running);
  return tried;
}

describe('a connection that was given up', () => {
  it('is tried again when the server has its kernel', () => {
    expect(tries('disconnected')).toBe(1);
  });

  it('is let be while it is tried, while it lives, where the kernel is gone, and where it is not ours', () => {
    expect([
      tries('connecting'),
      tries('connected'),
      tries('disconnected', { running: [] }),
      tries('disconnected', { name: 'python3' })
    ]).toEqual([0, 0, 0, 0]);
    reconnect(null, RUNNING);
  });
});
