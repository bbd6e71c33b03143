// Drives dify-client of npm. It has no methods for datasets, only the public sendRequest that all of its methods go
// through: a Node program that works with datasets sends every operation with it.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [url, key] = process.argv.slice(2);
const installed = createRequire(path.join(process.cwd(), "package.json")).resolve("dify-client");
const { DifyClient } = await import(pathToFileURL(installed));

const INDEXING_MS = 30_000;
const TEXT = "Backups are copied every night.\n\nPasswords expire after ninety days.\n\nThe office closes at six.";
const BY_PARAGRAPH = { mode: "custom", rules: { segmentation: { separator: "\n\n", max_tokens: 100 } } };
const HIERARCHICAL = {
  mode: "hierarchical",
  rules: {
    parent_mode: "paragraph",
    segmentation: { separator: "\n\n", max_tokens: 100 },
    subchunk_segmentation: { separator: ". ", max_tokens: 50 },
  },
};
const MULTIPART = { "Content-Type": "multipart/form-data" };

const client = new DifyClient("replaced by the next line", `${url}/v1`);
client.updateApiKey(key);
const called = new Set();

// Fills the path's braces from `ids`; without `data` the client sends the JSON text null.
async function send(operation, ids = {}, data = null, params = null, headers = {}) {
  called.add(operation);
  const [method, template] = operation.split(" ");
  const endpoint = template.replace(/\{(\w+)\}/g, (_, name) => {
    assert.ok(ids[name], `${operation} needs ${name}`);
    return encodeURIComponent(ids[name]);
  });
  try {
    return await client.sendRequest(method, endpoint, data, params, false, headers);
  } catch (reason) {
    const said = `${operation}: ${reason.response?.status} ${JSON.stringify(reason.response?.data)}`;
    throw Object.assign(new Error(said), { response: reason.response });
  }
}

async function refuse(status, code, ...request) {
  const error = await send(...request).then(() => assert.fail(`${request[0]} was not refused`), (reason) => reason);
  assert.equal(error.response?.status, status, error.message);
  assert.deepEqual([error.response.data.status, error.response.data.code], [status, code]);
}

async function indexed(ids, created) {
  const endsAt = Date.now() + INDEXING_MS;
  while (Date.now() < endsAt) {
    const reply = await send("GET /datasets/{dataset_id}/documents/{batch}/indexing-status", {
      ...ids,
      batch: created.data.batch,
    });
    const [status] = reply.data.data;
    assert.notEqual(status.indexing_status, "error", status.error);
    if (status.indexing_status === "completed") return created.data.document.id;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return assert.fail("not indexed in time");
}

function form(name, text, data) {
  const parts = new FormData();
  if (data) parts.append("data", JSON.stringify(data));
  parts.append("file", new Blob([text], { type: "text/plain" }), name);
  return parts;
}

async function driveDataset() {
  const made = await send("POST /datasets", {}, { name: "From npm", indexing_technique: "high_quality" });
  const ids = { dataset_id: made.data.id };
  const changed = await send("PATCH /datasets/{dataset_id}", ids, { description: "Rules of the house" });
  assert.equal(changed.data.description, "Rules of the house");
  assert.equal((await send("GET /datasets/{dataset_id}", ids)).data.name, "From npm");
  const page = await send("GET /datasets", {}, null, { keyword: "npm", page: 1, limit: 20 });
  assert.deepEqual(page.data.data.map((listed) => listed.id), [ids.dataset_id]);
  return ids;
}

async function driveTexts(ids) {
  const created = await send("POST /datasets/{dataset_id}/document/create-by-text", ids, {
    name: "Rules",
    text: "To be replaced.",
    indexing_technique: "high_quality",
    process_rule: BY_PARAGRAPH,
  });
  const inDocument = { ...ids, document_id: await indexed(ids, created) };
  const updated = await send("POST /datasets/{dataset_id}/documents/{document_id}/update-by-text", inDocument, {
    name: "House rules",
    text: TEXT,
  });
  assert.equal(await indexed(ids, updated), inDocument.document_id);
  const shown = await send("GET /datasets/{dataset_id}/documents/{document_id}", inDocument, null, {
    metadata: "without",
  });
  assert.equal(shown.data.name, "House rules");
  for (const action of ["disable", "enable", "archive", "un_archive"]) {
    const done = await send("PATCH /datasets/{dataset_id}/documents/status/{action}", { ...ids, action }, {
      document_ids: [inDocument.document_id],
    });
    assert.equal(done.data.result, "success");
  }
  return inDocument;
}

async function driveFiles(ids) {
  const data = { indexing_technique: "high_quality", process_rule: BY_PARAGRAPH };
  const one = form("规则.txt", "备份每天夜里复制一次。", data);
  const created = await send("POST /datasets/{dataset_id}/document/create-by-file", ids, one, null, MULTIPART);
  assert.equal(created.data.document.name, "规则.txt");
  const inDocument = { ...ids, document_id: await indexed(ids, created) };
  const two = form("规则二.txt", "密码九十天后过期。");
  for (const operation of [
    "POST /datasets/{dataset_id}/documents/{document_id}/update-by-file",
    "PATCH /datasets/{dataset_id}/documents/{document_id}",
  ]) {
    await indexed(ids, await send(operation, inDocument, two, null, MULTIPART));
  }
  const found = await send("GET /datasets/{dataset_id}/documents", ids, null, { keyword: "规则" });
  assert.deepEqual(found.data.data.map((listed) => listed.id), [inDocument.document_id]);
  const file = await send("GET /datasets/{dataset_id}/documents/{document_id}/upload-file", inDocument);
  assert.equal(file.data.extension, "txt");
  const link = await send("GET /datasets/{dataset_id}/documents/{document_id}/download", inDocument);
  const answer = await fetch(link.data.url);
  assert.equal(await answer.text(), "密码九十天后过期。");
  const zip = await send("POST /datasets/{dataset_id}/documents/download-zip", ids, {
    document_ids: [inDocument.document_id],
  });
  assert.equal(zip.headers["content-type"], "application/zip");
  const gone = await send("DELETE /datasets/{dataset_id}/documents/{document_id}", inDocument);
  assert.equal(gone.status, 204);
  await refuse(404, "not_found", "GET /datasets/{dataset_id}/documents/{document_id}", inDocument);
}

async function driveRetrieval(ids) {
  for (const search_method of ["semantic_search", "full_text_search", "hybrid_search", "keyword_search"]) {
    const found = await send("POST /datasets/{dataset_id}/retrieve", ids, {
      query: "passwords expire",
      retrieval_model: { search_method, top_k: 2 },
    });
    assert.equal(found.data.records[0].segment.content, "Passwords expire after ninety days.");
  }
}

async function driveSegments(ids) {
  const segments = [{ content: "Visitors sign in.", keywords: ["guests"] }, { content: "Dogs wait." }];
  const added = await send("POST /datasets/{dataset_id}/documents/{document_id}/segments", ids, { segments });
  const inSegment = { ...ids, segment_id: added.data.data[0].id };
  const listed = await send("GET /datasets/{dataset_id}/documents/{document_id}/segments", ids, null, {
    status: ["completed", "error"],
    keyword: "visitors",
  });
  assert.deepEqual(listed.data.data.map((segment) => segment.id), [inSegment.segment_id]);
  const segment_path = "/datasets/{dataset_id}/documents/{document_id}/segments/{segment_id}";
  for (const [method, content] of [["POST", "Guests sign out."], ["PATCH", "Guests leave."]]) {
    const changed = await send(`${method} ${segment_path}`, inSegment, { segment: { content } });
    assert.equal(changed.data.data.content, content);
  }
  assert.equal((await send(`GET ${segment_path}`, inSegment)).data.data.content, "Guests leave.");
  for (const segment of added.data.data) {
    assert.equal((await send(`DELETE ${segment_path}`, { ...ids, segment_id: segment.id })).status, 204);
  }
  await refuse(404, "not_found", `GET ${segment_path}`, inSegment);
}

async function driveChildren() {
  const dataset = await send("POST /datasets", {}, { name: "Parents from npm", indexing_technique: "high_quality" });
  const ids = { dataset_id: dataset.data.id };
  const created = await send("POST /datasets/{dataset_id}/document/create-by-text", ids, {
    name: "Parents",
    text: TEXT,
    doc_form: "hierarchical_model",
    process_rule: HIERARCHICAL,
  });
  const inDocument = { ...ids, document_id: await indexed(ids, created) };
  const parents = await send("GET /datasets/{dataset_id}/documents/{document_id}/segments", inDocument);
  const inSegment = { ...inDocument, segment_id: parents.data.data[0].id };
  const children = "/datasets/{dataset_id}/documents/{document_id}/segments/{segment_id}/child_chunks";
  const made = await send(`POST ${children}`, inSegment, { content: "Copies lie in the cellar." });
  const inChild = { ...inSegment, child_chunk_id: made.data.data.id };
  const found = await send(`GET ${children}`, inSegment, null, { keyword: "cellar" });
  assert.deepEqual(found.data.data.map((child) => child.id), [inChild.child_chunk_id]);
  await send(`PATCH ${children}/{child_chunk_id}`, inChild, { content: "Copies lie in the attic." });
  const records = (await send("POST /datasets/{dataset_id}/retrieve", ids, { query: "attic" })).data.records;
  assert.equal(records[0].segment.id, inSegment.segment_id);
  assert.ok(records[0].child_chunks.some((child) => child.content === "Copies lie in the attic."));
  assert.equal((await send(`DELETE ${children}/{child_chunk_id}`, inChild)).status, 204);
  await send("DELETE /datasets/{dataset_id}", ids);
}

async function driveMetadata(ids) {
  const field = (await send("POST /datasets/{dataset_id}/metadata", ids, { type: "number", name: "floor" })).data;
  const inField = { ...ids, metadata_id: field.id };
  const renamed = await send("PATCH /datasets/{dataset_id}/metadata/{metadata_id}", inField, { name: "storey" });
  assert.equal(renamed.data.name, "storey");
  await send("POST /datasets/{dataset_id}/documents/metadata", ids, {
    operation_data: [
      { document_id: ids.document_id, metadata_list: [{ id: field.id, name: "storey", value: "7" }] },
    ],
  });
  for (const action of ["enable", "disable"]) {
    await send("POST /datasets/{dataset_id}/metadata/built-in/{action}", { ...ids, action });
    const listed = await send("GET /datasets/{dataset_id}/metadata", ids);
    assert.equal(listed.data.built_in_field_enabled, action === "enable");
    assert.ok(listed.data.doc_metadata.some((known) => known.id === field.id && known.count === 1));
  }
  const every = (await send("GET /datasets/metadata/built-in")).data.fields;
  assert.deepEqual((await send("GET /datasets/{dataset_id}/metadata/built-in", ids)).data.fields, every);
  assert.equal((await send("DELETE /datasets/{dataset_id}/metadata/{metadata_id}", inField)).status, 204);
}

async function driveTags(ids) {
  const target_id = ids.dataset_id;
  const tag = (await send("POST /datasets/tags", {}, { name: `Old ${target_id}` })).data;
  await send("PATCH /datasets/tags", {}, { tag_id: tag.id, name: target_id });
  await send("POST /datasets/tags/binding", {}, { tag_ids: [tag.id], target_id });
  for (const method of ["GET", "POST"]) {
    const bound = await send(`${method} /datasets/{dataset_id}/tags`, ids);
    assert.deepEqual(bound.data, { data: [{ id: tag.id, name: target_id }], total: 1 });
  }
  const tagged = await send("GET /datasets", {}, null, { tag_ids: [tag.id] });
  assert.deepEqual(tagged.data.data.map((dataset) => dataset.id), [target_id]);
  await send("POST /datasets/tags/unbinding", {}, { tag_id: tag.id, target_id });
  const known = (await send("GET /datasets/tags")).data.find((listed) => listed.id === tag.id);
  assert.equal(Number(known.binding_count), 0);
  await send("DELETE /datasets/tags", {}, { tag_id: tag.id });
  assert.ok(!(await send("GET /datasets/tags")).data.some((listed) => listed.id === tag.id));
}

// The dataset has no pipeline, so that its routes refuse.
async function drivePipeline(ids) {
  const file = form("for a pipeline.txt", TEXT);
  const uploaded = await send("POST /datasets/pipeline/file-upload", {}, file, null, MULTIPART);
  assert.deepEqual([uploaded.status, uploaded.data.name], [201, "for a pipeline.txt"]);
  const run = { inputs: {}, datasource_type: "local_file", is_published: true };
  await refuse(400, "invalid_param", "GET /datasets/{dataset_id}/pipeline/datasource-plugins", ids, null, {
    is_published: true,
  });
  const node = "POST /datasets/{dataset_id}/pipeline/datasource/nodes/{node_id}/run";
  await refuse(400, "invalid_param", node, { ...ids, node_id: "node" }, run);
  await refuse(400, "invalid_param", "POST /datasets/{dataset_id}/pipeline/run", ids, {
    ...run,
    datasource_info_list: [{ related_id: uploaded.data.id }],
    start_node_id: "node",
    response_mode: "blocking",
  });
}

const ids = await driveDataset();
const inDocument = await driveTexts(ids);
await driveFiles(ids);
await driveRetrieval(ids);
await driveSegments(inDocument);
await driveMetadata(inDocument);
await driveChildren();
await driveTags(ids);
await drivePipeline(ids);
const models = await send("GET /workspaces/current/models/model-types/{model_type}", { model_type: "text-embedding" });
assert.ok(models.data.data.some((provider) => provider.models.some((model) => model.model === "words")));
assert.equal((await send("DELETE /datasets/{dataset_id}", ids)).status, 204);
await refuse(404, "not_found", "GET /datasets/{dataset_id}", ids);
console.log(JSON.stringify({ called: [...called].sort() }));
