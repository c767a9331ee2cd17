// Makes the pages better where there is JavaScript: the page of an instance keeps itself up to date, credentials
// are revealed in place, and values can be copied. Everything works without.
"use strict";

(() => {
  const maxLines = 2000;

  // The parts of a page that the server has sent again take the place of the old ones.
  async function swap(selector, address, options) {
    const answer = await fetch(address, { credentials: "same-origin", cache: "no-store", ...options });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector(selector);
    const old = document.querySelector(selector);
    if (!answer.ok || !fresh || !old) {
      throw new Error("the server sent another page");
    }
    old.replaceWith(document.adoptNode(fresh));
    enhance(fresh);
    fresh.querySelector("[tabindex]")?.focus();
  }

  function enhance(root) {
    for (const form of root.querySelectorAll("form[data-swap]")) {
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        swap(form.dataset.swap, form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) })
          .catch(() => form.submit());
      });
    }
    for (const link of root.querySelectorAll("a[data-swap]")) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        swap(link.dataset.swap, link.href).catch(() => location.assign(link.href));
      });
    }
    if (navigator.clipboard) {
      root.querySelectorAll(".value").forEach(addCopyButton);
    }
  }

  function addCopyButton(value) {
    const button = document.createElement("button");
    const name = value.closest("dd").previousElementSibling.textContent;
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy ${name}`);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(value.textContent);
        button.textContent = "Copied";
      } catch {
        // The browser's user said no: selected, the value can be copied by hand.
        getSelection().selectAllChildren(value);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    value.after(button);
  }

  function follow(live) {
    const lines = document.querySelector("#log-lines");
    const note = document.querySelector("#log-note");
    const choice = document.querySelector("#component");
    let source;
    let reopening;

    function say(text) {
      note.textContent = text;
      note.hidden = text === "";
    }

    function add(text) {
      const atEnd = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 4;
      lines.append(`${text}\n`);
      while (lines.childNodes.length > maxLines) {
        lines.firstChild.remove();
      }
      if (atEnd) {
        lines.scrollTop = lines.scrollHeight;
      }
    }

    function open() {
      source?.close();
      clearTimeout(reopening);
      const query = new URLSearchParams(choice ? { component: choice.value } : {});
      source = new EventSource(`${live.dataset.events}?${query}`);
      // The server sends the last lines again when a stream is opened again.
      source.addEventListener("open", () => { lines.replaceChildren(); say(""); });
      source.addEventListener("log", (event) => add(event.data));
      source.addEventListener("live", (event) => { live.innerHTML = event.data; });
      source.addEventListener("end", () => {
        say("The log has ended: the component has stopped. Waiting for it to start.");
        reopening = setTimeout(open, 5000);
      });
      source.addEventListener("gone", () => { source.close(); location.reload(); });
      source.addEventListener("error", () => {
        say(source.readyState === EventSource.CLOSED
          ? "This page is no longer kept up to date. Reload it."
          : "The connection is lost. Trying again.");
      });
    }

    lines.hidden = false;
    if (choice) {
      choice.addEventListener("change", open);
      choice.form.addEventListener("submit", (event) => { event.preventDefault(); open(); });
    }
    open();
    // A page in the background needs no connection.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) {
        source.close();
        clearTimeout(reopening);
      } else {
        open();
      }
    });
  }

  enhance(document);
  const live = document.querySelector("#live");
  if (live) {
    follow(live);
  }
})();
