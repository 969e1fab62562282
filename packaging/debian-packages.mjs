// The four Debian packages: what is in each, and what each needs.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildAddon } from './addon.mjs'
import { copyrightText } from './copyright.mjs'
import { buildDebian, compressed, writeInto } from './debian-package.mjs'
import { NODE, nodeRuntime } from './node-runtime.mjs'
import { copyProduct, manifestOf, productionPackages } from './production-files.mjs'
import { run, step } from './steps.mjs'

const MAINTAINER = 'The authors of Portreeve <portreeve@example.org>'
const HOME = 'usr/lib/portreeve'

/** Debian's names of architectures, by Node's. */
export const ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' }

const debianFile = (name) => readFileSync(new URL(`debian/${name}`, import.meta.url), 'utf8')
const unitOf = (role) => readFileSync(new URL(`systemd/portreeve-${role}.service`, import.meta.url), 'utf8')

/** Each service: what its package says of itself and depends on, beside portreeve-common. */
export const SERVICES = {
  portal: {
    depends: ['systemd (>= 250)'],
    suggests: ['postgresql', 'caddy | httpd'],
    synopsis: 'zero-trust network access: portal',
    text: 'The portal signs people in and decides, by policy, who may reach which\n resource. It runs as a user of its own, with SQLite or PostgreSQL.',
  },
  gateway: {
    depends: ['systemd (>= 250)', 'iproute2', 'nftables'],
    recommends: ['iptables'],
    synopsis: 'zero-trust network access: gateway of a site',
    text: 'A gateway stands at a site and passes on, over WireGuard, what the policy of\n its portal grants to each client, and nothing else.',
  },
  client: {
    depends: ['systemd (>= 250)', 'iproute2', 'nftables'],
    synopsis: 'zero-trust network access: client',
    text: 'The client takes this machine to the resources that its user may reach, by\n name, over WireGuard, and answers the names of these resources.',
  },
}

/**
 * Builds the packages of one architecture and returns their paths.
 * @param root folder of the clone, built and with its node_modules
 * @param arch Node's name of the architecture
 * @param version version of the packages
 * @param epoch seconds since 1970 that files and archives have as their time
 * @param compress `xz`, or `gzip`, which is faster
 */
export const buildDebianPackages = async ({ root, out, cache, arch, version, epoch, compress }) => {
  const work = mkdtempSync(join(tmpdir(), 'portreeve-packages-'))
  try {
    const shared = { root, version, epoch, compress, out, work }
    const common = await commonPackage({ ...shared, cache, arch })
    const services = []
    for (const role of Object.keys(SERVICES))
      services.push(await servicePackage({ ...shared, role, copyright: common.copyright }))
    return [common.file, ...services]
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

const commonPackage = async ({ root, version, epoch, compress, out, work, cache, arch }) => {
  const folder = join(work, 'portreeve-common')
  const home = join(folder, HOME)
  const node = await nodeRuntime(arch, cache)
  const packages = productionPackages(root)
  await step(`copying the program and ${packages.length} npm packages`, () =>
    copyProduct({ root, packages, target: home }),
  )
  mkdirSync(join(home, 'bin'), { recursive: true })
  cpSync(join(node, 'bin/node'), join(home, 'bin/node'))
  const addon = join(home, `hosts/runtime/native/prebuilds/linux-${arch}/portreeve.napi.glibc.node`)
  await buildAddon({ root, arch, node, file: addon })
  const health = readFileSync(new URL('oci/portal-health.mjs', import.meta.url))
  writeInto(folder, `${HOME}/bin/portal-health.mjs`, health)
  writeInto(folder, 'usr/bin/portreeve', debianFile('portreeve'))
  writeInto(folder, 'usr/share/man/man1/portreeve.1.gz', compressed(debianFile('portreeve.1')))
  writeInto(folder, 'usr/lib/tmpfiles.d/portreeve.conf', debianFile('tmpfiles'))
  const copyright = copyrightText({ root, packages, nodeLicence: readFileSync(join(node, 'LICENSE'), 'utf8') })
  documents(folder, { name: 'portreeve-common', version, epoch, copyright })
  for (const name of ['README.md', 'CHANGELOG.md']) {
    writeInto(folder, `usr/share/doc/portreeve-common/${name}.gz`, compressed(readFileSync(join(root, name))))
  }
  overrides(folder, 'portreeve-common', debianFile('common.lintian-overrides'))
  mkdirSync(join(folder, 'etc/portreeve'), { recursive: true })
  mkdirSync(join(folder, 'var/lib/portreeve'), { recursive: true })
  const file = await step('portreeve-common (its compression takes a minute or two)', async () =>
    buildDebian({
      folder,
      out,
      epoch,
      compress,
      control: {
        ...controlOf('portreeve-common', version),
        Architecture: ARCHITECTURES[arch],
        Depends: ['ca-certificates', ...(await libraries(work, arch, [join(home, 'bin/node'), addon]))].join(', '),
        Description:
          'zero-trust network access: what its services share\n' +
          ' Portreeve lets people reach exactly the resources that a policy grants them.\n .\n' +
          ` This package has the command, and the Node.js ${NODE.version} that runs it.`,
      },
      scripts: { postinst: debianFile('common.postinst'), postrm: debianFile('common.postrm') },
    }),
  )
  return { file, copyright }
}

const servicePackage = ({ root, version, epoch, compress, out, work, role, copyright }) => {
  const { depends, recommends, suggests, synopsis, text } = SERVICES[role]
  const name = `portreeve-${role}`
  const folder = join(work, name)
  writeInto(folder, `usr/lib/systemd/system/${name}.service`, unitOf(role))
  writeInto(folder, `etc/default/${name}`, debianFile(`default.${role}`))
  writeInto(folder, `usr/share/doc/${name}/examples/${role}.yaml`, readFileSync(join(root, `config/${role}.yaml`)))
  if (role === 'portal') writeInto(folder, `usr/lib/sysusers.d/${name}.conf`, debianFile('portal.sysusers'))
  mkdirSync(join(folder, `etc/portreeve/secrets/${role}`), { recursive: true })
  documents(folder, { name, version, epoch, copyright: ownCopyright(copyright) })
  overrides(folder, name, debianFile('service.lintian-overrides').replaceAll('@ROLE@', role))
  const scripts = ['postinst', 'prerm', 'postrm'].map((script) => [
    script,
    debianFile(`service.${script}`).replaceAll('@ROLE@', role),
  ])
  return buildDebian({
    folder,
    out,
    epoch,
    compress,
    control: {
      ...controlOf(name, version),
      Architecture: 'all',
      Depends: [`portreeve-common (= ${version})`, ...depends].join(', '),
      Recommends: recommends?.join(', '),
      Suggests: suggests?.join(', '),
      Description: `${synopsis}\n Portreeve lets people reach exactly the resources that a policy grants them.\n .\n ${text}`,
    },
    conffiles: [`/etc/default/${name}`],
    scripts: Object.fromEntries(scripts),
  })
}

const controlOf = (name, version) => ({
  Package: name,
  Source: 'portreeve',
  Version: version,
  Maintainer: MAINTAINER,
  Section: 'net',
  Priority: 'optional',
})

/** The part of the copyright file that is about the product itself, which is all that a service's package has. */
const ownCopyright = (text) => {
  const [head, , licence] = [text.split('\n\n').slice(0, 2), undefined, text.split('\n\n').find((part) => part.startsWith('License: Apache-2.0'))] // prettier-ignore
  return `${[...head, licence].join('\n\n')}\n`
}

const documents = (folder, { name, version, epoch, copyright }) => {
  const date = new Date(epoch * 1000).toUTCString().replace('GMT', '+0000')
  const entry = `portreeve (${version}) unstable; urgency=medium\n\n  * /usr/share/doc/portreeve-common/CHANGELOG.md.gz says what has changed.\n\n -- ${MAINTAINER}  ${date}\n`
  writeInto(folder, `usr/share/doc/${name}/changelog.gz`, compressed(entry))
  writeInto(folder, `usr/share/doc/${name}/copyright`, copyright)
}

const overrides = (folder, name, text) => writeInto(folder, `usr/share/lintian/overrides/${name}`, text)

/** Returns the dependencies on libraries, as dpkg-shlibdeps finds them in programs and addon. */
const libraries = async (work, arch, files) => {
  const folder = join(work, 'shlibdeps')
  mkdirSync(join(folder, 'debian'), { recursive: true })
  writeFileSync(
    join(folder, 'debian/control'),
    `Source: portreeve\n\nPackage: portreeve-common\nArchitecture: ${ARCHITECTURES[arch]}\n`,
  )
  // A foreign architecture's libraries are those of Debian's cross compiler.
  const foreign = arch === process.arch ? [] : ['-l/usr/aarch64-linux-gnu/lib']
  const printed = await run('dpkg-shlibdeps', ['-O', ...foreign, ...files.map((path) => `-e${path}`)], {
    cwd: folder,
    env: { DEB_HOST_ARCH: ARCHITECTURES[arch] },
  })
  return printed
    .replace(/^shlibs:Depends=/, '')
    .trim()
    .split(/, /)
}

/** Version of the packages: package.json's, in Debian's order, where `~` comes before the release. */
export const debianVersion = (root) => manifestOf(root).version.replace('-', '~')
