import { nullTranslator } from '@jupyterlab/translation';
import { verbs } from '../../src/verbs';
import catalogue from '../../../jupyter_awsgpu/locale/zh_CN/LC_MESSAGES/jupyter_awsgpu.json';

describe('the palette', () => {
  const all = verbs(nullTranslator.load('jupyter_awsgpu'));

  it('has every verb once', () => {
    expect(new Set(all.map(one => one.verb)).size).toBe(all.length);
    expect(all.map(one => one.verb)).toEqual(expect.arrayContaining(['launch', 'stop', 'start', 'terminate', 'doctor']));
  });

  it('speaks Chinese for every label', () => {
    const known = Object.keys(catalogue);
    expect(all.map(one => one.label).filter(label => !known.includes(label))).toEqual([]);
  });
});
