import { deletePolicy, editPolicy, newPolicy } from './access/policy-form.ts'
import { policies } from './access/policies.ts'
import * as policiesBulk from './access/policies-bulk.ts'
import { disableProviders, enableProviders, revokeTokens } from './account/bulk-acts.ts'
import { endAuthorizations } from './record/authorizations-bulk.ts'
import { deleteResources, deleteSites } from './what/bulk-acts.ts'
import { explainPage } from './access/explain.ts'
import { graphPage } from './access/graph.ts'
import { palettePage } from './access/palette.ts'
import { simulatePage } from './access/simulate.ts'
import { keyboardForm, keyboardPage } from './account/keyboard.ts'
import { pluginsPage } from './account/plugins.ts'
import { answerTestForm, beginTest, enableProvider, saveTested, testPage, testResult } from './account/provider-test.ts'
import { deleteProvider, editProvider, newProvider, providers } from './account/providers.ts'
import { settingsForm } from './account/settings.ts'
import { newToken, revokeToken, tokens } from './account/tokens.ts'
import { detailPage } from './detail/detail-page.ts'
import { formPage } from './form/form-page.ts'
import { listColumns } from './list/list-columns.ts'
import { listDownload } from './list/list-download.ts'
import { listPage } from './list/list-page.ts'
import type { AdminDownload, AdminForm, AdminPage, AdminParts } from './page/admin-parts.ts'
import { authorizations, endAuthorization } from './record/authorizations.ts'
import { auditDownloads, auditPage } from './record/audit.ts'
import { rollBack } from './record/roll-back.ts'
import { overviewPage } from './record/overview.ts'
import { dnsForm } from './what/dns.ts'
import { deployForm, deployPage } from './what/deploy.ts'
import { resource, resources } from './what/resources.ts'
import { deleteResource, editResource, newResource } from './what/resource-forms.ts'
import { deleteGateway, deleteSite, editSite, newSite } from './what/site-forms.ts'
import { site, sites } from './what/sites.ts'
import { deleteDevice, device, devices, unverifyDevice, verifyDevice } from './who/devices.ts'
import { groupMembers } from './who/group-members.ts'
import { deleteGroup, group, groups, newGroup, renameGroup } from './who/groups.ts'
import { deleteDevices, deleteGroups, unverifyDevices, verifyDevices } from './who/bulk-acts.ts'
import * as peopleBulk from './who/people-bulk.ts'
import { people } from './who/people.ts'
import { person } from './who/person.ts'
import { deletePerson, editPerson, newPerson } from './who/person-form.ts'
import { newServiceAccount, serviceAccounts } from './who/service-accounts.ts'
import { endSignIn } from './who/sign-ins.ts'

/** Returns all pages for admins, and the forms on them. Paths without variables stand before those with. */
export const pagesOf = (_parts: AdminParts): { pages: AdminPage[]; forms: AdminForm[]; downloads: AdminDownload[] } => {
  const formPages = [
    formPage(newPerson),
    ...Object.values(peopleBulk).map((bulk) => formPage(bulk)),
    ...[verifyDevices, unverifyDevices, deleteDevices].map((bulk) => formPage(bulk)),
    ...Object.values(policiesBulk).map((bulk) => formPage(bulk)),
    formPage(deleteGroups),
    formPage(deleteSites),
    formPage(deleteResources),
    formPage(revokeTokens),
    formPage(disableProviders),
    formPage(enableProviders),
    formPage(endAuthorizations),
    formPage(editPerson),
    formPage(deletePerson),
    formPage(newServiceAccount),
    formPage(endSignIn),
    formPage(newGroup),
    formPage(renameGroup),
    formPage(groupMembers),
    formPage(deleteGroup),
    formPage(verifyDevice),
    formPage(unverifyDevice),
    formPage(deleteDevice),
    formPage(newSite),
    formPage(editSite),
    formPage(deleteSite),
    formPage(deleteGateway),
    formPage(newResource),
    formPage(editResource),
    formPage(deleteResource),
    formPage(rollBack),
    formPage(endAuthorization),
    formPage(newToken),
    formPage(revokeToken),
    formPage(newProvider),
    formPage(editProvider),
    formPage(deleteProvider),
    formPage(enableProvider),
    formPage(saveTested),
    formPage(settingsForm),
    formPage(dnsForm),
    formPage(newPolicy),
    formPage(editPolicy),
    formPage(deletePolicy),
  ]
  return {
    pages: [
      overviewPage,
      listPage(people),
      listPage(serviceAccounts),
      listPage(groups),
      listPage(devices),
      listPage(sites),
      listPage(resources),
      listPage(policies),
      listPage(authorizations),
      listPage(providers),
      listPage(tokens),
      ...formPages.map(({ page }) => page),
      detailPage(person),
      detailPage(group),
      detailPage(device),
      detailPage(site),
      deployPage,
      testPage,
      testResult,
      explainPage,
      graphPage(),
      simulatePage,
      palettePage,
      keyboardPage,
      detailPage(pluginsPage),
      auditPage,
      detailPage(resource),
    ],
    downloads: [
      listDownload(people),
      listDownload(serviceAccounts),
      listDownload(groups),
      listDownload(devices),
      listDownload(sites),
      listDownload(resources),
      listDownload(policies),
      listDownload(authorizations),
      listDownload(providers),
      listDownload(tokens),
      ...auditDownloads,
    ],
    forms: [
      beginTest,
      answerTestForm,
      ...formPages.map(({ form }) => form),
      listColumns(people),
      listColumns(serviceAccounts),
      listColumns(groups),
      listColumns(devices),
      listColumns(sites),
      listColumns(resources),
      listColumns(policies),
      listColumns(authorizations),
      listColumns(providers),
      listColumns(tokens),
      deployForm,
      keyboardForm,
    ],
  }
}
