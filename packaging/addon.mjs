// The native addon for the packages: compiled with the headers of the Node.js that they bring along, for this machine's
// architecture or, by Debian's cross compilers, another one.
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { run, step } from './steps.mjs'

const TRIPLETS = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }

/** Flags that Debian's policy on hardening asks for, beside those of binding.gyp. */
const HARDENED = ['-D_FORTIFY_SOURCE=2', '-Wformat', '-Werror=format-security']
const LINKED = ['-shared', '-Wl,-z,relro', '-Wl,-z,now', '-Wl,--build-id=sha1', '-s']

/** Compiles the addon for an architecture (`x64`, `arm64`) into a file. */
export const buildAddon = ({ root, arch, node, file }) =>
  step(`native addon for ${arch}`, async () => {
    const folder = join(root, 'hosts/runtime/native')
    const { sources, defines, cflags } = gypTarget(folder)
    mkdirSync(dirname(file), { recursive: true })
    await run(
      compilerFor(arch),
      [
        ...cflags,
        ...HARDENED,
        '-fPIC',
        // Paths of the clone do not get into the file.
        `-ffile-prefix-map=${folder}=.`,
        ...defines.map((text) => `-D${text}`),
        '-DNODE_GYP_MODULE_NAME=portreeve',
        '-DBUILDING_NODE_EXTENSION',
        `-I${join(node, 'include/node')}`,
        ...LINKED,
        '-o',
        file,
        ...sources,
      ],
      { cwd: folder },
    )
  })

export const compilerFor = (arch) => (arch === process.arch ? 'cc' : `${TRIPLETS[arch]}-gcc`)

/** Returns the one target of binding.gyp, which is JSON but for commas at the ends of lists. */
const gypTarget = (folder) => {
  const text = readFileSync(join(folder, 'binding.gyp'), 'utf8').replace(/,(\s*[\]}])/g, '$1')
  return JSON.parse(text).targets[0]
}
