import { StatusItem } from '../../src/statusitem';

function make(press = (): void => undefined): { item: StatusItem; button: HTMLButtonElement } {
  const item = new StatusItem('AWS GPU', press);
  const button = item.node.querySelector('button');
  if (button === null) {
    throw new Error('no button');
  }
  return { item, button };
}

describe('the status-bar item', () => {
  it('is a button that a keyboard reaches and that opens the panel', () => {
    const press = jest.fn();
    const { button } = make(press);
    button.click();
    expect(button.type).toBe('button');
    expect(press).toHaveBeenCalledTimes(1);
  });

  it('says in words what its colour says', () => {
    const { item, button } = make();
    item.tell({ text: '1 running · past the cap: gpu', title: 'gpu (p2.xlarge)', level: 'warning' });
    expect(item.node.dataset.level).toBe('warning');
    expect(button.getAttribute('aria-label')).toBe('1 running · past the cap: gpu. gpu (p2.xlarge)');
  });

  it('shows text as text', () => {
    const { item, button } = make();
    item.tell({ text: '<img src=x>', title: '', level: 'idle' });
    expect(button.querySelector('img')).toBeNull();
  });
});
