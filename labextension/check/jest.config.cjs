/** Tests run on what `build:lib` would emit; JupyterLab's own modules are loaded as they are shipped. */
const esm = ['@jupyterlab', '@jupyter', '@lumino', 'lib0', 'nanoid', 'vscode-ws-jsonrpc', 'y-protocols', 'y-websocket', 'yjs'];

module.exports = {
  testEnvironment: 'jsdom',
  rootDir: '..',
  setupFiles: ['<rootDir>/check/tests/browser.cjs'],
  roots: ['<rootDir>/check/tests'],
  modulePaths: ['<rootDir>/check/node_modules'],
  moduleNameMapper: { '\\.(css|svg)$': '<rootDir>/check/tests/nothing.cjs' },
  transform: {
    '\\.[tj]sx?$': [
      '<rootDir>/check/node_modules/ts-jest',
      { tsconfig: { allowJs: true, module: 'commonjs', target: 'es2021', esModuleInterop: true, isolatedModules: true }, diagnostics: false }
    ]
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esm.join('|')})/)`]
};
