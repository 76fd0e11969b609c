import { readMessage, readUseHere } from '../../src/protocol';

describe('messages from Python', () => {
  it('reads a summary with the level it has', () => {
    const summary = { text: 'AWS GPU: 1 running', title: 'gpu', level: 'warning' };
    expect(readMessage({ kind: 'summary', summary })).toEqual({ kind: 'summary', summary });
  });

  it('takes an unknown level for the quietest', () => {
    const read = readMessage({ kind: 'summary', summary: { text: 'x', title: '', level: 'panic' } });
    expect(read).toEqual({ kind: 'summary', summary: { text: 'x', title: '', level: 'idle' } });
  });

  it('keeps what a toast’s button sends as it is', () => {
    const toast = { message: 'idle', level: 'warning', actions: [{ label: 'Keep', send: { run: ['keep', 'gpu'] } }] };
    expect(readMessage({ kind: 'toast', toast })).toEqual({ kind: 'toast', toast });
  });

  it.each([null, undefined, 3, 'x', [], {}, { kind: 'unheard-of' }, { kind: 'summary' }])(
    'ignores what it does not know: %p',
    data => {
      expect(readMessage(data as never)).toBeNull();
    }
  );

  it('reads which kernel a notebook shall move to, and which page is meant', () => {
    const asked = { kind: 'use-here', kernel: 'awsgpu-gpu', page: 'p1' };
    expect(readUseHere(asked)).toEqual({ kernel: 'awsgpu-gpu', page: 'p1' });
    expect(readUseHere({ kind: 'use-here' })).toBeNull();
    expect(readUseHere(undefined)).toBeNull();
  });
});
