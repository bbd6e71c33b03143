// What pages gain where scripts run: keyboard, uploads with progress, and a hint of what is being done.

const SHORTCUTS = { d: "/console/datasets", k: "/console/keys", s: "/console/system" };
let isGoing = false;

function isTyping(target) {
  return target.closest("input, textarea, select, [contenteditable]") !== null;
}

function moveRow(step) {
  const links = [...document.querySelectorAll("[data-rows] tbody tr a.strong")];
  if (links.length === 0) return false;
  const place = links.indexOf(document.activeElement);
  links[Math.min(Math.max(place + step, 0), links.length - 1)].focus();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "/") {
    const field = document.querySelector("[data-search]");
    if (field) { event.preventDefault(); field.focus(); field.select(); }
  } else if (event.key === "?") {
    document.querySelector("#shortcuts")?.showModal();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    if (moveRow(event.key === "ArrowDown" ? 1 : -1)) event.preventDefault();
  } else if (event.key === "g") {
    isGoing = true;
    setTimeout(() => { isGoing = false; }, 1000);
    return;
  } else if (isGoing && SHORTCUTS[event.key]) {
    location.assign(SHORTCUTS[event.key]);
  }
  isGoing = false;
});

// A form that is on its way is not sent twice.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.defaultPrevented || !button || event.target.method === "dialog") return;
  setTimeout(() => { button.disabled = true; button.setAttribute("aria-busy", "true"); }, 0);
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("[aria-busy]").forEach((button) => { button.disabled = false; button.removeAttribute("aria-busy"); });
});

function sendFile(form, file, onProgress) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const body = new FormData();
    for (const [name, value] of new FormData(form)) if (typeof value === "string") body.append(name, value);
    body.append("file", file, file.webkitRelativePath || file.name);
    request.open("POST", form.action);
    request.setRequestHeader("X-CSRF-Token", document.body.dataset.csrf);
    request.upload.onprogress = (event) => { if (event.lengthComputable) onProgress(event.loaded / event.total); };
    request.onload = () => resolve(request.status < 300 ? null : request.responseText);
    request.onerror = () => resolve(form.dataset.failed);
    request.send(body);
  });
}

async function sendFiles(form, files) {
  const list = form.querySelector("[data-sending]");
  for (const file of files) {
    const line = document.createElement("p");
    const bar = document.createElement("progress");
    line.textContent = file.webkitRelativePath || file.name;
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", line.textContent);
    line.append(bar);
    list.append(line);
    const problem = await sendFile(form, file, (part) => { bar.value = part; });
    if (problem === null) { line.remove(); } else {
      bar.remove();
      line.className = "notice is-error";
      line.textContent = `${file.name}: ${problem}`;
    }
    document.body.dispatchEvent(new Event("zhiku:changed"));
  }
}

async function filesOf(transfer) {
  const found = [];
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const walk = async (entry) => {
    if (entry.isFile) { found.push(await new Promise((resolve, reject) => entry.file(resolve, reject))); return; }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) return;
      for (const inner of some) await walk(inner);
    }
  };
  for (const entry of entries) await walk(entry);
  return found;
}

for (const form of document.querySelectorAll("[data-drop]")) {
  const input = form.querySelector("input[type=file]");
  form.querySelector("[data-without-scripts]")?.remove();
  input.addEventListener("change", async () => { const files = [...input.files]; input.value = ""; await sendFiles(form, files); });
  form.addEventListener("dragover", (event) => { event.preventDefault(); form.classList.add("is-over"); });
  form.addEventListener("dragleave", () => form.classList.remove("is-over"));
  form.addEventListener("drop", async (event) => {
    event.preventDefault();
    form.classList.remove("is-over");
    await sendFiles(form, await filesOf(event.dataTransfer));
  });
}

// One box picks every row; what is picked decides what may be done.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-pick-all]")) {
    document.querySelectorAll("[data-pick]").forEach((box) => { box.checked = event.target.checked; });
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent);
  button.textContent = button.dataset.copied;
});
