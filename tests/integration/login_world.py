"""A gateway that takes its users from the chain: the machine with its users, the agent, and what the chain says of them."""
import os
import time

from harness import BUILD, Agent, Devnode, EthAgent, Ethnode, Skip, wait
from login_machine import Machine, Wallet

# bits of a user's role, as LOGIN_CONF has them
SHELL, SUDO, CRON, ELSEWHERE, HERE, TABLE = (1 << b for b in (3, 4, 5, 6, 7, 8))
LOGIN_CONF = """[Login]
Zone=plant-control.fleet
Host=gw1
ManagedUsers=alice bob
ManagedUsers=grace keeper mallory
ManagedGroup=fleet
BreakGlass=root@console keeper@console
DenyUsers=mallory
{more}
[Role 3]
Services=sshd login su-l kedge with
Groups=dialout
[Role 4]
Services=sudo su
[Role 5]
Services=cron
[Role 6]
Services=*
Hosts=0
[Role 7]
Services=kedge-here
Hosts=1 9
Groups=plugdev
[Role 8]
Services=deny serve30 serve60
"""


def role(bits):
    return bits.to_bytes(32, "big")


class LoginAgent(Agent):
    """An agent with a login.conf beside its own file, and [pam] as the test wants it."""

    more_login, pam = "", "MaxAge=4h"

    def write_config(self):
        self.roles = "[pam]\n" + self.pam
        super().write_config()
        self.login_conf(LOGIN_CONF.format(more=self.more_login))

    def options(self, more=""):
        """Of the module, to ask this agent."""
        return f"conf={self.home}/login.conf runtime={self.run} {more}".strip()


class EthLoginAgent(LoginAgent, EthAgent):
    pass


class Gateway:
    """chain, agent, machine; and wallets by their users' names."""

    NODE, AGENT = Devnode, LoginAgent

    def __init__(self, folder, **login):
        if not os.path.exists(BUILD + "/pam/pam_kedge.so"):
            raise Skip("the PAM module is not built")
        self.folder, self.machine = folder, Machine(folder)
        self.wallet = {u: Wallet(u) for u in ("alice", "bob", "grace", "frank", "mallory", "stranger")}
        self.node = self.start_node(folder)
        self.records()
        self.agent = type("A", (self.AGENT,), login)(folder, self.node)
        self.machine.only_ours("kedge", self.agent.options("nodelay"))
        self.machine.only_ours("kedge-here", self.agent.options())

    def start_node(self, folder):
        node = Devnode(folder, blocks=300)
        node.command("interval 100")
        return node

    def step(self):
        """The chain goes on, where it does not by itself."""

    def records(self):
        for user, bits in (("alice", SHELL | SUDO), ("bob", ELSEWHERE | HERE), ("frank", SHELL | CRON),
                           ("mallory", SHELL)):
            self.record(user, bits)
        self.node.set("_user.local.role", role(SHELL))  # of somebody who is none of ours
        self.node.set("_host.gw1.role", role(1 << 9))
        self.node.mine(12)

    def record(self, user, bits):
        self.node.set(f"_user.{user}.device", self.wallet[user].record)
        self.node.set(f"_user.{user}.role", role(bits))

    def delete(self, user):
        """The whole record."""
        for field in ("device", "role"):
            self.node.command(f"clear _user.{user}.{field}")

    def pam(self, user, word="acct_mgmt", service="kedge", **options):
        return self.machine.pamtester(service, user, word, **options)[0]

    def comes(self, code, user, word="acct_mgmt", service="kedge", timeout=25):
        """Waits until a login ends so."""
        seen = []

        def look():
            self.step()
            seen[:] = [self.machine.pamtester(service, user, word)]
            return seen[0][0] == code
        wait(lambda: f"{code} for {user}, {service}; it is {seen}", look, timeout, 0.1)

    def ready(self):
        self.comes("SUCCESS", "alice")
        self.comes("SUCCESS", "bob", service="kedge-here")
        self.comes("SUCCESS", "frank")
        return self

    def sits_down(self, user, service="kedge", *words):
        """A pamtester at a terminal, which asks for a signature."""
        return self.machine.terminal("pamtester", service, user, *(words or ("authenticate",)))


class EthGateway(Gateway):
    """The same on a chain of Ethereum, where each slot is an epoch, so that a block is final soon."""

    AGENT = EthLoginAgent

    def start_node(self, folder):
        self.stepped = 0
        return Ethnode(folder, seconds_per_slot=12, slots_per_epoch=1, epochs_per_period=1024, slots=3000, lag=3600)

    def step(self):
        if time.monotonic() - self.stepped > 0.3:
            self.stepped = time.monotonic()
            self.node.mine(1)
