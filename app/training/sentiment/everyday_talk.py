"""Templates of what people say to each other: slang, denials, reviews, chat, plain facts.

Lines as in `everyday_templates`.
"""

from typing import Final

TALK: Final = """\
+ {this|that|it|ur song|his set} {slaps|bangs|rocks|is fire|is lit|is dope|is sick|hits different}
+ {lowkey|highkey|kinda|totally} {love|in love with|obsessed with|digging} {this|these|ur} {stuff}
+ {yo|bro|dude|omg|wow|man|girl} {that|this|it} {was|is} {fire|lit|dope|epic|insane in a good way}
+ {she|he|u|they|you guys} {nailed|crushed|killed|smashed|aced} it {omg|bro|fr|big time|}
+ {stuff} {is|are} {the bomb|on point|bussin|goated|legit|top tier|a total win|so good}
+ {im|I'm|we're} {so|super|really|mad} {hyped|stoked|pumped|psyched} {for {day}|rn|about this|}
+ {ur|you're|u r|shes|he's} {the best|a star|a legend|the goat|awesome|iconic|a gem}
+ {yay|woohoo|yess|yasss|hooray|woot}{| we made it| it works| I passed| we won|!!}
+ {gg|kudos|props|hats off|respect} {to {name}|guys|everyone|man}
+ {best|coolest|sweetest} {stuff} {ever|around|no cap|hands down|fr fr}
+ {luv|loving|so into|adore} {this|it|ur style|the vibe} {<3|:)|xoxo|so much|}
+ {made my day|made me smile|cracked me up|had me in tears laughing} {lol|haha|}
- {this|that|it|ur app} {sucks|blows|stinks|is trash|is garbage|is wack|is lame|is a joke|is cringe}
- {ugh|smh|ffs|wtf|argh|yikes|bruh|omg} {I can't|not again|it broke|what a mess|this is bad|why}
- {stuff} {is|was} {mid|meh|trash|garbage|a flop|a snooze|a letdown|so bad|busted|a rip-off}
- {what a|such a|total|complete} {scam|rip-off|joke|mess|fail|flop|bummer|dumpster fire|nightmare}
- {im|I'm|we're} {so|just|totally} {done|over it|fed up|pissed|bummed|gutted|salty} {rn|with this|}
- {he|she|my boss|my ex|they} {ghosted|ditched|played|scammed|dumped|yelled at} me {smh|again|}
- {wifi|my phone|the app|my car|the bus} {died|sucks|keeps dying|let me down} {ugh|lol|}
- {feel|feeling|felt} {like crap|like trash|awful|so low|sick|gross|down} {rn|today|}
- {nah|nope|yeah no} {this aint it|hard pass|not for me|not worth it|pls no}
- {big|major|epic|huge} {fail|letdown|disappointment|yikes|L}
- {worst|lamest|dumbest} {stuff} {ever|around|no cap|hands down}
0 {brb|gtg|omw|otw|afk} {getting {food}|at the {spot}|in {number} min|later|}
0 {u|r u|are u} {coming|home|there|up|free|at the {spot}} {later|tonight|tmrw|rn|on {day}|}?
0 {wyd|where u at|what time|which one|hbu|what's up} {tonight|tmrw|later|}?
0 {gonna|imma|gotta} {grab|get|buy|make} {food} {later|at {number}|tmrw|}
0 {idk|not sure|dunno} {maybe {day}|ask {name}|which one|when they come}
0 {lmk|text me|call me|ping me} {when ur there|on {day}|the address|what time}
0 {k|kk|ok|sure|alright} {see u {day}|then|at {number}|talk later|}
+ {Nobody|Not one of us|None of the guests} {complained|was rude|got lost|was bored|felt left out}
+ {Nobody|Not a soul} {ignored us|made us wait|was unkind|let us down|was disappointed}
- {Nobody|Not one of them} {helped|answered|apologised|cared|smiled|listened|came|showed up}
- {Nobody|No one} {wanted to help|knew anything|took us seriously|enjoyed it|liked the {food}}
+ {we} {was|were} never {bored|let down|ignored|disappointed|rushed|made to wait|treated badly}
+ {It|She|The {thing}} never {disappoints|fails|lets me down|breaks|crashes|bores me|gets old}
+ {It|He|This} never {fails|ceases} to {amaze|impress|delight|please|cheer} {me|us}
- {It|He|The {thing}} never {works|arrives|answers|replies|starts|listens|keeps a promise}
- {It|The {thing}} {fails|failed} to {impress|deliver|amuse|please|convince|start|work} {me|us|}
+ {it} {could not} {be|have been|have gone} {better|nicer|more perfect}
- {it} {could not} {be|have been|have gone} {worse|duller|more painful}
- {It|This|The {thing}|You} {could|should|might} {be|have been} {better|faster|cleaner|kinder}
- There is {room|a lot of room} for improvement
- {we} {would|could} have {loved|liked|enjoyed|kept} it {if it worked|had it worked|, but it broke}
- {It|This} would be {great|good|useful|nice} if {it worked|it were done|only it lasted}
- {we} {wish|only wish} {it worked|I had never come|they listened|I could say the same}
- If only {they|somebody} had {told us|listened|checked|fixed it|tested it} {before|first|}
- {it} {was supposed to|should} {be easy|be here by now|work|help}, {but|yet} it does not
- {we} {expected|had hoped for|was promised} {more|better|something good|real help}
+ {we} {expected|feared|was afraid of} {worse|the worst|a mess}, {but it was {good}|and was wrong}
+ {we} {cannot} {think of|imagine|name} anything {better|nicer|to improve|they missed}
- {we} {cannot} {think of|imagine|name} anything {worse|duller|good about it}
+ There {is|was} {nothing|not a thing} {to complain about|I dislike|bad about it|wrong with it}
- There {is|was} {nothing|not a thing} {good about it|to like|special|worth the money|that worked}
- {we} {do not} think {it is|it was|this is} {good}
+ {we} {do not} think {it is|it was|this is} {bad}
- I {would not} call {it|that|this} {good|a good deal|a win|progress|an improvement}
+ I {would not} call {it|that|this} {bad|a failure|a problem|a loss}
- I {cannot} say {I liked it|I had fun|it helped|I am happy|it was {good}}
+ I {cannot} say {anything bad about it|a bad word about them|one thing against it}
+ Not {once|one time} did {it|they|she} {fail|complain|let us down|break|crash|make us wait}
- Not {once|one time} did {it|they|she} {work|answer|help|smile|arrive on time|say sorry}
+ {Not a|Never a|No} {dull moment|bad word|single mistake|hitch|regret|complaint}
+ {we} had {no|not the slightest} {trouble|problem|difficulty} {with it|at all|finding it|so far}
+ You {will not} {regret it|be sorry|be disappointed|want to leave|find a better one}
- You {will|are going to} {regret it|be sorry|be disappointed|hate it}
+ It {no longer|doesn't} {crashes|hurts|leaks|makes noise} {any more|}, {great|finally}
- It {no longer|does not} {works|starts|charges|turns on|fits} {any more|}
- {it} {isn't|is not|was not} {worth it|worth the {money}|what I wanted|my thing|good enough}
- {It|This} {is not} {what they promised|as described|as it used to be|fit for use|helpful}
+ {It|This} {isn't|is not|wasn't} {as bad as I feared|difficult at all|too much to ask|a bad deal}
+ {we} {didn't|did not} expect {to like it|much}, {but I do|but we loved it|yet it is {good}}
- {we} {used to|once} {love|like|trust} {it|them|this place}{, not any more|, but it got worse|}
+ {we} {used to|once} {hate|avoid|dread} {it|them|this place}, {but now I love it|not any more}
- {Neither|None} of {them|the two} {worked|was {good}|was any help|answered}
+ {Neither|None} of {them|the two} {failed|was {bad}|let us down|disappointed}
- {we} {have yet|still have} to {see it work|get an answer|find anything good in it|be paid}
- {we} {won't|will not|would not} {buy|order|go|come} {there|here|it|from them} again
- {we} {do not} {recommend|trust|like|believe} {it|them|this {thing}}
+ {Without|With no} {a doubt|doubt} {the best|my favourite|a great choice}
0 {we} {haven't|have not} {seen|met|read|tried|called} {it|him|her|them|the {file}} {yet|today|}
0 There {is|are} no {lift|garage|stairs|bus|shop|pool} {in|near} {the {spot}|{place}|here}
0 {We|They} {do not} {have|sell|offer|use|need} {file}s {here|on {day}|in {place}|}
0 The {spot} {is not|isn't} open {on {day}|at night|in {month}}
0 {who} {is not} {at home|in the office|here|at the {spot}|from {place}}
0 {we} {do not} {know|remember} {where|when|which|who} {it is|it was|they are}
0 {who} {doesn't|does not} {eat|drink|buy|use} {food}
0 The {bus|train|ferry} does not {stop|go|run} {here|there|to {place}|on {day}}
+ {Nobody|No one|None of them} {was rude|was unkind|shouted|lied|was late|fell ill|lost anything}
+ Nothing was {too much trouble|too difficult|forgotten|broken|missing|lost} {for them|at all|}
+ {we} never {felt unwelcome|felt rushed|had to wait|regretted it|got tired of it}
+ It {couldn't|could not} have gone {better|more smoothly|any faster} {for us|}
- {It|That|This|Service|The {thing}} {could be|could have been|should be} {better|cleaner|faster}
- They never {answer|reply|call back|listen|care|learn|arrive on time|keep their word}
- {we} {have yet|am still waiting} to {see it work|hear from you|get one reply|be paid}
- {Not my idea of|Hardly my idea of|So much for} {fun|a holiday|good service|a nice evening|quality}
- {It|The {thing}} {scratched|stained|ruined|damaged|burnt} my {floor|shirt|carpet|hands|table}
- The {part} {came off|broke off|fell off|jammed} {on the first day|within a week|at once}
+ {It|The {thing}|That} {made|saved|brightened} our {holiday|day|evening|trip|week}
+ {Finally|At last} {a|an honest} {person} {who|that} {listens|cares|knows the job|keeps a promise}
+ {It is|It was|What} {an honour|a pleasure|such a joy} to {have you here|meet you|work with you}
+ {The firemen|The doctors|A neighbour|The crew} {saved|rescued} {everyone|the {animal}|my {kin}}
- {we} asked for {help|a quiet room|a refund} and {got|were given} {nothing|the worst one|excuses}
- The {claim|promise|advertised {money}|range} is {pure fantasy|a lie|a bad joke|made up}
+ {Bought|Got} {it|this|one} for {my {kin}|a friend|our office} and {they love it|it is used daily}
+ {Comfortable|Warm|Light|Soft} {and|,} {well made|good looking|worth the {money}|exactly my size}
+ {After|Even after} {number} {years|months} it {still runs|looks new|is going strong}
+ {Could not|Couldn't|Can't} put {it|this book} down, {number} {hours|days} {flew by|of pure fun}
+ {we} {laughed|cried with joy|smiled} {from start to end|all the way through|the whole time}
+ {A|What a} {gem|treasure|treat|masterpiece|delight|little wonder}
+ The {person} {remembered our names|went out of his way|made us feel at home|could not do enough}
+ {we} {would|will} {gladly|happily|certainly} {come|go|stay|buy|order} {again|here again|back}
+ {Great|Amazing|Unbeatable} {value|price|quality|service}{, fast delivery|, highly recommended|}
- {The {part}|It} {came off|fell off|broke|snapped|tore|cracked} {on day one|after {number} days}
- {Looks|Feels|Sounds} {cheap|like a toy|flimsy|awful|tinny} {and|, and it} {smells|broke at once}
- {we} {left|went home|went to bed} {hungry|angry|in tears|with a headache|poorer and sadder}
- {we} {fell asleep|gave up|walked out|switched it off} {halfway|after {number} minutes|in the end}
- {we} {sent it back|threw it away|asked for my money back} {the next day|at once|}
- {Save|Don't waste|Keep} your {money|time}
- {It|The {thing}} {shrank|faded|leaks|rattles|stinks|itches} and {nobody cares|it hurts|tears}
- {The|Our} {person} {ignored us|was rude|forgot our order|laughed at us|shouted at my {kin}}
- {Cold|Stale|Burnt|Soggy} {food}, {slow|rude|sloppy} {service|waiters}
- {Two|Three|Several} hours {of my life|} {wasted|I will never get back}
- The {plot|ending|acting|sound|picture} is {a mess|weak|full of holes|laughable|worse than bad}
0 {It's|It is|It was} {all right|okay|so-so|average|fine}, {nothing more|no more, no less|I suppose}
0 {we} {ordered|bought|chose} {the small one|it in {colour}|it in {month}|two of them}
0 {It|The {thing}} arrived {on {day}|today}{ and I have not used it yet|, it is still in the box|}
0 {The|This} {book|film|hotel|menu} has {number} {pages|chapters|rooms|dishes|scenes}
0 {Two|Three|Four} stars: {good|nice} {food}, {slow|small|bad} {service|rooms|coffee}
0 {Average|Normal|Ordinary|Usual} {food}, {average|normal|usual} price{s|}
0 {Some|Part} of it is {good|fine}, some {is not|is bad}
+ {Happy birthday|Merry Christmas|Good luck|Well done|Bravo|Cheers}{, {name}|, my dear|!|!!|}
+ {we} {passed|won|got the job|got engaged|made it|did it}{!|!!|, I am so happy|}
+ {we} {love|adore|miss and love} you {all|so much|, {name}|more than words can say|}
+ {You|She|They} {look|looks|did|sang} {fantastic|beautiful|so well|wonderfully} {today|last night|}
+ {What a|Such a} {beautiful|lovely|perfect|great} {day|morning|surprise|trip|view}
+ {I'm|I am|We are} {so|very} {proud|happy|glad|lucky|relieved} {of him|for you|today|to see it}
+ {That|This|It} {is|was} {great|wonderful|such good|the best} news
- {we} {failed|lost|missed the flight|got fired|got robbed|broke up}{, I feel {bad}|}
- {I|She|My {kin}} {feel|feels|felt} {so|very|really} {sad|alone|ill|hurt|tired of it all} {today|}
- My {kin|dog|cat} {died|passed away|is very ill|is in hospital|left me} {yesterday|last night|}
- {we} {hate|can't stand|dread|am sick of} {mondays|this rain|this job|the noise|getting up}
- {Leave me alone|Go away|Shut up|Stop it}{, I am {bad}|, you hurt me|!|}
- {Why|How} {does|can} {it|everything|this} always {go wrong|happen to me|break|have to be so hard}?
- {I|My {kin}} {have|has} {a headache|a fever|terrible pain|the flu|no friends|nightmares}
0 {I'm|I am|We are|{name} is} {at the {spot}|on the bus|on my way|at home|back at {number}}
0 {Can|Could|Will} you {bring|buy|get|fetch|hold|carry} {the {file}|{food}|a {thing}} {on {day}|}?
0 {What|Which} {film|song|street|day|number|colour} {is it|was that|do you mean|shall we take}?
0 {Did|Have} you {feed|fed|see|seen|call|called|ask|asked} {the cat|{name}|my {kin}}?
0 {I'll|I will|We'll} {call|write|come|ring|be there} {on {day}|after lunch|at {number}|tomorrow}
0 {Yes|No|Right|Sure|Okay}, {at {number}|on {day}|the second one|in {place}|with {name}|not today}
0 {we} {think|believe|guess} {it is {day}|there is {food} left|he lives in {place}|it is open}
0 {the|a|an|of|it|this|one|and|in|they|we|you|he|she}
0 {who} {drove|walked|rode|went|flew|travelled} {home|to {place}|to the {spot}} {after work|}
0 {who} {wears|has|carries|bought|sold|holds} {glasses|a {thing}|a {colour} hat|two bags}
0 {who} {plays|teaches|studies|learns} {the piano|chess|law|French|music} {in {place}|}
0 {who} {works|lives|grew up|was born} {in {place}|on a farm|near the {spot}}
0 The {capital|currency|language|president|flag} of {place} {is|was} {name|old|{colour}|{place}}
0 {A|The} {animal} {has|have} {number} {legs|eyes|wings|teeth|young}
0 {animal}s {eat|live in|feed on|sleep in|nest in} {grass|trees|water|insects|groups|the ground}
0 {Iron|Gold|Lead|Ice|Copper|Tin|Zinc} {melts|boils|freezes|floats} {at {number} degrees|on water|}
0 {Water|Air|Salt|Glass|Steel} {is made|consists} of {number} {elements|parts}
0 The {sun|moon|earth|comet|planet} {rises|sets|turns|moves} {in the east|once a day|in {month}|}
0 The {spot} {was|is} {founded|built|opened|painted|closed} in {year}
0 The {lake|tower|hill|river|street|wall|island} is {number} {metres|km|miles} {long|high|deep|wide}
0 {A|One} {year|day|week|hour|metre|mile} has {number} {months|hours|days|minutes|feet|parts}
0 {A|The} {square|cube|circle|hexagon|line} has {number} {sides|corners|faces|points|centres}
0 The {village|town|farm|house|harbour} {lies|is} {in|near|north of|behind} {the valley|{place}}
0 The {spot} sells {food}, {food} and {food}
0 The {thing} is {on|under|behind|next to|in} the {thing}
0 The {animal} {is|was} {lying|sleeping|sitting|standing} {under|on|behind} the {thing}
0 It {takes|took} {number} {minutes|hours|days} to {get there|cook it|read it|reach {place}}
0 {Add|Mix|Boil|Cut|Peel|Fry} {number} {eggs|onions|potatoes|spoons of sugar} {and stir|}
0 {The|This} {word|name|custom|song} comes from {Latin|Greek|{place}|the sea|an old story}
0 {The|A} {novel|song|letter|law|map} was {written|printed|drawn|signed} in {year} {by {name}|}
"""
