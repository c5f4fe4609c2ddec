import { fileURLToPath } from 'node:url'

/** Builds the element: one ES module with all that it needs, styles too. */
export default {
  configFile: false,
  root: fileURLToPath(new URL('../..', import.meta.url)),
  logLevel: 'warn',
  publicDir: false,
  build: {
    lib: { entry: 'lib/console/element/ui/public.ts', formats: ['es'], fileName: () => 'element.js' },
    outDir: 'dist/console',
    emptyOutDir: false,
    sourcemap: true,
    target: 'es2022',
    minify: true
  }
}
