import { Notice } from '../../src/notice';

describe('a notice', () => {
  it('is announced, and its button mends', () => {
    const press = jest.fn();
    const notice = new Notice('The kernel has ended.', { label: 'Start it again', press });
    expect(notice.node.querySelector('[role="status"]')?.textContent).toBe('The kernel has ended.');
    notice.node.querySelector('button')?.click();
    expect(press).toHaveBeenCalledTimes(1);
  });

  it('has no button where nothing can be done', () => {
    expect(new Notice('Starting…', null).node.querySelector('button')).toBeNull();
  });
});
