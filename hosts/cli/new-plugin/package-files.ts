import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { PluginKind } from './plugin-kind.ts'
import { withNames, type PluginNames } from './plugin-names.ts'

export interface NewPackage {
  kind: PluginKind
  names: PluginNames
  language: 'typescript' | 'javascript'
  /** Folder of this package. */
  product: string
  version: string
}

/** Makes the files of a new plugin's package: their text by name. */
export const packageFiles = (wanted: NewPackage): ReadonlyMap<string, string> => {
  const { kind, names, language, product } = wanted
  const template = filesIn(join(product, 'template', kind.point))
  const files = new Map<string, string>()
  if (kind.example !== undefined) {
    const { folder, key } = kind.example
    for (const [name, text] of filesIn(join(product, 'test/fixture/plugin', folder))) {
      if (/(?<!\.test)\.ts$/.test(name)) files.set(name, text.replaceAll(key, names.key))
    }
  }
  for (const [name, text] of template) {
    const renamed = language === 'javascript' ? inJavaScript(name, text) : { name, text }
    files.set(renamed.name, withNames(renamed.text, names))
  }
  files.set('README.md', `${(files.get('README.md') ?? '').trimEnd()}\n\n${development(wanted)}`)
  files.set('package.json', `${JSON.stringify(manifest(wanted, descriptionIn(files)), undefined, 2)}\n`)
  files.set('.gitignore', language === 'javascript' ? 'node_modules/\n' : 'node_modules/\ndist/\n')
  if (language === 'typescript') files.set('tsconfig.json', `${JSON.stringify(TSCONFIG, undefined, 2)}\n`)
  return files
}

const filesIn = (folder: string): [string, string][] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => [name, readFileSync(join(folder, name), 'utf8')])

/** Renames a file of a template: their code has no annotations, so that it is plain JavaScript as it stands. */
const inJavaScript = (name: string, text: string): { name: string; text: string } => ({
  name: name.replace(/\.ts$/, '.js'),
  text: name.endsWith('.ts') ? text.replace(/(from '\.\/[\w.-]+)\.ts'/g, "$1.js'") : text,
})

const descriptionIn = (files: ReadonlyMap<string, string>): string => {
  const text = files.get('index.ts') ?? files.get('index.js') ?? ''
  return /^\/\/ (.*)$/m.exec(text)?.[1] ?? ''
}

const manifest = ({ names, language, product, version }: NewPackage, description: string): object => {
  const { devDependencies } = JSON.parse(readFileSync(join(product, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>
  }
  const isTypeScript = language === 'typescript'
  const build = isTypeScript ? 'npm run -s build && ' : ''
  const tools = ['chai', 'fast-check', ...(isTypeScript ? ['@types/node', 'typescript'] : [])]
  return {
    name: names.package,
    version: '0.1.0',
    description,
    keywords: ['portreeve-plugin'],
    type: 'module',
    exports: isTypeScript ? './dist/index.js' : './index.js',
    files: isTypeScript ? ['dist', '!dist/*.test.js', 'README.md'] : ['index.js', 'README.md'],
    scripts: {
      ...(isTypeScript ? { build: 'tsc -p .', prepack: 'npm run -s build' } : {}),
      test: `${build}node --test ${isTypeScript ? 'dist/*.test.js' : '*.test.js'}`,
      check: `${build}portreeve plugin check --config lab.yaml`,
      lab: `${build}portreeve lab --plugins lab.yaml`,
    },
    // Optional: the host that loads the plugin is what it imports.
    peerDependencies: { portreeve: `^${version}` },
    peerDependenciesMeta: { portreeve: { optional: true } },
    devDependencies: {
      ...Object.fromEntries(tools.map((name) => [name, `^${devDependencies[name] ?? '*'}`])),
      portreeve: `file:${product}`,
    },
  }
}

const TSCONFIG = {
  compilerOptions: {
    target: 'es2023',
    module: 'nodenext',
    outDir: 'dist',
    strict: true,
    verbatimModuleSyntax: true,
    erasableSyntaxOnly: true,
    rewriteRelativeImportExtensions: true,
    skipLibCheck: true,
    types: ['node'],
  },
  include: ['*.ts'],
}

const development = ({ names, kind }: NewPackage): string => `**Development** — Loaded by ${kind.hosts}.

\`\`\`
npm install        # the tools of package.json; portreeve is a link to the one that wrote this package
npm test           # builds it, and runs the conformance suite of its extension point
npm run check      # loads it as hosts do
npm run lab        # uses it in the whole system on this machine: Linux, root
npm pack           # then, beside the configuration of a host: npm install ${names.package}-0.1.0.tgz
\`\`\`
`
