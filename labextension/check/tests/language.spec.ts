import { languageOf } from '../../src/language';

describe('the language handed to Python', () => {
  it('is the page’s own, and nothing where JupyterLab names none', () => {
    expect(languageOf({ languageCode: 'zh_CN' })).toBe('zh_CN');
    expect(languageOf({})).toBe('');
    expect(languageOf(null)).toBe('');
  });
});
