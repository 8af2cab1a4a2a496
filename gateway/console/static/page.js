// Fills the status page from /health/ready, every five seconds while somebody looks. Same origin only; text, never HTML.
"use strict";

const EVERY_MS = 5000;
const ROOMS = {
  privacy: ["Privacy", "what it carries"],
  policy: ["Policy", "where it may go"],
  engine: ["Engine", "who answers"],
  audit: ["Audit", "the book"],
};
const byId = (id) => document.getElementById(id);
const snippets = ["curl", "python"].map((id) => [byId(id), byId(id).textContent]);
let shown = "";

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function title(name) {
  return (ROOMS[name] || [name, ""])[0];
}

function roomLine(name, room) {
  const line = element("li", room.ready ? "ready" : "");
  const label = element("div", "room");
  label.append(element("b", "", title(name)), element("span", "", (ROOMS[name] || ["", ""])[1]));
  const mark = element("span", "mark");
  mark.setAttribute("aria-hidden", "true");
  line.append(mark, label, element("span", "detail", room.detail || ""), element("span", "word", room.ready ? "ready" : "not ready"));
  return line;
}

function inOrder(rooms) {
  const known = Object.keys(ROOMS).filter((name) => name in rooms);
  return [...known, ...Object.keys(rooms).filter((name) => !(name in ROOMS))];
}

function say(state, verdict, reason) {
  document.body.dataset.state = state;
  byId("verdict").textContent = verdict;
  byId("reason").textContent = reason;
  document.title = `${verdict} Sekisho`;
}

function sayHow(health) {
  const shut = inOrder(health.rooms).filter((name) => !health.rooms[name].ready).map(title);
  if (health.status === "ready") {
    say("open", "The gate is open.", "Every room is ready; requests pass.");
  } else if (shut.length) {
    const verb = shut.length === 1 ? "is" : "are";
    say("shut", "The gate is shut.", `${shut.join(" and ")} ${verb} not ready, so every request is refused.`);
  } else {
    say("shut", "The gate is shut.", "The server is starting or stopping, so every request is refused.");
  }
}

function showSnippets(models) {
  const base = `${location.origin}/v1`;
  byId("base").textContent = base;
  for (const [place, template] of snippets) {
    place.textContent = template.replaceAll("$BASE", base).replaceAll("$MODEL", models[0] || "MODEL");
  }
}

function show(health) {
  const now = JSON.stringify(health);
  if (now === shown) return;
  shown = now;
  sayHow(health);
  const rooms = byId("rooms");
  rooms.replaceChildren(...inOrder(health.rooms).map((name) => roomLine(name, health.rooms[name])));
  rooms.setAttribute("aria-busy", "false");
  const models = health.models.map((name) => element("code", "", name));
  byId("models").replaceChildren(...(models.length ? models : [element("span", "quiet", "none yet")]));
  showSnippets(health.models);
}

async function ask() {
  if (document.hidden) return;
  try {
    const answer = await fetch("/health/ready", { headers: { accept: "application/json" }, cache: "no-store" });
    show(await answer.json()); // 503 carries the same document
  } catch {
    shown = "";
    byId("rooms").replaceChildren();
    say("shut", "No answer.", "The server does not answer; this page keeps asking.");
  }
}

async function copy(button) {
  const source = byId(button.dataset.copies);
  const range = document.createRange();
  range.selectNodeContents(source);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  try {
    await navigator.clipboard.writeText(source.textContent); // only offered on https and loopback
    byId("copied").textContent = "Copied.";
  } catch {
    byId("copied").textContent = "Selected: copy it with your keyboard.";
  }
}

document.querySelectorAll("[data-copies]").forEach((button) => button.addEventListener("click", () => copy(button)));
document.addEventListener("visibilitychange", ask);
showSnippets([]);
ask();
setInterval(ask, EVERY_MS);
