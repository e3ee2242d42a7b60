"""A gateway with our packages, booted: from nothing to the first verified answer, and what is not disturbed by it."""
import shutil

from clean import ALL, Chain, Gateway, wait


def first_answer(context):
    m = Gateway(context.folder(), context)
    try:
        m.boot()
        m.install(ALL)
        chain = Chain(m)
        chain.publish("pump1.server_ip", "10.1.2.3")
        m.write("/etc/kedge/kedged.conf.d/50-test.conf", chain.conf())
        m.must("systemctl", "restart", "kedged")
        wait("the first verified answer", lambda: m.run("getent", "hosts", "pump1.plant.fleet").stdout.split()[:1] == ["10.1.2.3"], 30)
    except AssertionError:
        print(m.sh("journalctl -b --no-pager -u 'kedge*' | tail -40").stdout if m.init else m.console_text())
        raise
    finally:
        m.stop()
        shutil.rmtree(m.at, ignore_errors=True)


STORIES = [
    ("first answer", first_answer, True),
]
