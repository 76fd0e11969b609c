import { IDLE, line, missed, Scene, soon } from './notebookscene';

describe('a page opened anew', () => {
  it('shows what its cell said, and goes on with what it says, each message once', async () => {
    const scene = new Scene();
    scene.cell.shown = [line('from the file')];
    scene.answer = [missed('1', 'execute_input', { execution_count: 3 }), missed('2', 'stream', line('a'))];
    scene.hear('gone', '2', 'stream', line('a')); // heard before the answer, which has it
    scene.hear('gone', '3', 'stream', line('b')); // heard before the answer, which has it not
    await soon();
    expect([scene.text, scene.cell.executionState, scene.cell.executionCount]).toEqual(['ab', 'running', 3]);
    scene.hear('gone', '2', 'stream', line('a'));
    scene.hear('gone', '4', 'stream', line('c'));
    scene.hear('gone', '5', 'status', IDLE);
    expect([scene.text, scene.cell.executionState]).toEqual(['abc', 'idle']);
  });

  it('asks again when the connection is back, and begins the cell anew only while that is not over', async () => {
    const scene = new Scene();
    scene.answer = [missed('1', 'stream', line('a'))];
    await soon();
    scene.answer.push(missed('2', 'stream', line('b')), missed('3', 'status', IDLE));
    scene.status.emit('connected');
    await soon();
    expect(scene.text).toBe('ab');
    scene.cell.shown = []; // the person clears it
    scene.status.emit('connected');
    await soon();
    expect(scene.text).toBe('');
  });

  it('updates a display that is updated by its name', async () => {
    const scene = new Scene();
    const transient = { display_id: 'bar' };
    scene.answer = [missed('1', 'stream', line('a')), missed('2', 'display_data', { data: { 'text/plain': '0 %' }, transient })];
    await soon();
    scene.hear('gone', '3', 'update_display_data', { data: { 'text/plain': '9 %' }, transient });
    expect(scene.cell.shown[1]).toEqual({ data: { 'text/plain': '9 %' }, output_type: 'display_data' });
  });

  it('lets a cell be that is not in the notebook', async () => {
    const scene = new Scene();
    scene.answer = [{ ...missed('1', 'stream', line('a')), cell: 'deleted' }];
    await soon();
    expect(scene.text).toBe('');
  });
});

describe('a page that is saved', () => {
  it('tells which runs were over when the saving began, its own and those filled in, once', async () => {
    const scene = new Scene();
    scene.answer = [missed('1', 'status', IDLE, 'filled')];
    await soon();
    scene.hear('here', '2', 'status', IDLE, 'own');
    scene.hear('here', '3', 'status', { execution_state: 'busy' }, 'under way');
    scene.saveState.emit('started');
    scene.hear('here', '4', 'status', IDLE, 'too late');
    scene.saveState.emit('completed');
    scene.save();
    scene.save();
    const said = scene.told.filter(one => one.type === 'awsgpu_saved_request').map(one => one.content);
    expect(said).toEqual([{ ended: ['filled', 'own'] }, { ended: ['too late'] }]);
  });

  it('tells nothing when the saving failed', async () => {
    const scene = new Scene();
    await soon();
    scene.hear('here', '1', 'status', IDLE, 'own');
    scene.saveState.emit('started');
    scene.saveState.emit('failed');
    expect(scene.told.map(one => one.type)).toEqual(['awsgpu_recall_request']);
  });
});
