import { readFileSync } from 'node:fs'
import { arch, release } from 'node:os'

/** Returns a peer's user agent: `Debian/12.0.0 gateway/0.1.0 (x64; 6.1.0)`. Wire §2 */
export const userAgent = (component: string, version: string): string =>
  `${operatingSystem()} ${component}/${version} (${arch()}; ${release()})`

const operatingSystem = (): string => {
  const text = readText('/etc/os-release')
  const name = /^NAME="?([A-Za-z0-9 ._-]+?)(?: GNU\/Linux)?"?$/m.exec(text)?.[1] ?? 'Linux'
  const numbers = (/^VERSION_ID="?([0-9.]+)"?$/m.exec(text)?.[1] ?? '0').split('.')
  return `${name}/${[...numbers, '0', '0'].slice(0, 3).join('.')}`
}

const readText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
