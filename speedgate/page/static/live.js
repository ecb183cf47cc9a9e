// Served by `speedgate serve`: the page is loaded anew when the site was rebuilt.
(function () {
  "use strict";
  let version = null;
  function ask() {
    fetch("version").then(function (answer) { return answer.text(); }).then(function (text) {
      if (version !== null && text !== version) window.location.reload();
      version = text;
    }).catch(function () { /* the server has ended: the page stays as it is */ });
  }
  ask();
  window.setInterval(ask, 2000);
})();
